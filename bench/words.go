//go:build linux

package main

import "strings"

// The vocabulary of exchanges.
var (
	adjectives = strings.Fields(`amber ancient ample bitter blue bold brass brief bright broad calm cheap clean clear coarse cold
		copper crisp curved dark deep dense double dry dull eager early east even faint fair fast fine firm flat folded fresh
		frozen gentle gold grand gray green half hard heavy high hollow hot humble idle inner iron jolly keen kind large late
		lean light little local lone long loose loud low lucky marble mild modern narrow neat new noble north oak odd old open
		outer oval paper pale plain polar proud pure quick quiet rapid rare raw ready red rich ripe rough round royal rustic
		salty sharp short silent silver simple single slim slow small smart smooth soft solid south spare square stable steady
		steep stone strong sturdy sweet swift tall tame thick thin tidy tiny tough true upper urban useful vast velvet warm
		weekly west white whole wide wild wise wooden yellow young`)
	nouns = strings.Fields(`anchor apron arrow atlas axle badge bag ball band bank barrel basin basket beam bell belt bench bin
		blade blanket board boat bolt book boot bottle bowl box bracket bread brick bridge broom brush bucket button cable
		camera candle canvas cap card cart case chain chair chalk chart chest clamp clock cloth coat coil comb cord cork cover
		crane crate cup curtain desk dial dish door drawer drill drum easel engine fan fence file filter flag flask flute fork
		frame funnel fuse gate gear glass globe glove grill guitar hammer handle harp hat helmet hinge hook hose jacket jar
		jug kettle key knife label ladder lamp lantern latch lathe lens lever lid lock loom magnet map mask mat mill mirror
		motor mug nail needle net nozzle oar oven paddle paint pan pedal pen pencil piano pillow pin pipe plank plate plow pot
		press pulley pump rack rail rake razor reel ring rod roof rope rug ruler saddle sail saw scale scarf screen screw
		shelf shield shirt shoe shovel sieve sled soap sofa spade spoon spring stamp stool stove strap switch table tape tent
		thread tile tool torch towel tray valve vase vest wagon watch wheel whistle wick window wire wrench yarn zipper`)
	names1 = strings.Fields(`Ada Alan Amara Anna Arjun Bea Boris Carla Chen Clara Dana Dev Diego Elif Emil Erik Esra Eva Femi Finn
		Gita Greta Hana Hugo Ida Igor Ines Ivan Jana Jonas Jose Julia Kai Kofi Lara Lena Leon Lina Luca Maja Marco Mei Mila
		Nadia Nia Noah Nora Olga Omar Oskar Paul Petra Ravi Rosa Sami Sara Sven Tara Theo Tomas Uma Vera Wei Yara Yuki Zoe`)
	names2 = strings.Fields(`Abebe Almeida Baker Bauer Becker Berg Bianchi Costa Diaz Dubois Eriksen Fischer Fontaine Garcia Gomez
		Haas Hansen Ito Ivanov Jansen Kaya Keller Khan Kim Klein Kowalski Kumar Lang Larsen Lee Lopez Maier Mensah Meyer Moreau
		Mori Nagy Nguyen Novak Okafor Olsen Patel Pereira Peters Popescu Reyes Ricci Rossi Sato Schmid Schulz Silva Singh
		Sorensen Suzuki Tanaka Vogel Wagner Weber Wolf Yilmaz Zhang Ziegler`)
	cities = strings.Fields(`Aarhus Accra Athens Basel Bergen Berlin Bilbao Bologna Bremen Bruges Cadiz Cork Dakar Delft Dresden
		Galway Geneva Ghent Gothenburg Graz Hamburg Izmir Kigali Krakow Lagos Leeds Leipzig Lille Linz Lisbon Lyon Malmo Mumbai
		Nairobi Nantes Naples Odense Osaka Oslo Oviedo Porto Prague Pune Quito Riga Rotterdam Seville Split Tampere Tartu Turin
		Utrecht Vilnius Warsaw Zagreb`)
	states = strings.Fields(`new paid packed shipped delivered returned cancelled`)
	agents = []string{
		"shop-app/4.11.2 (Android 15)", "shop-app/4.12.0 (iOS 26.1)", "python-requests/2.32.3", "axios/1.7.9", "Go-http-client/1.1",
		"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "curl/8.5.0", "okhttp/4.12.0",
	}
)
