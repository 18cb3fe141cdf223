declare module "@fontsource-variable/ibm-plex-sans/wght.css";
declare module "@fontsource/ibm-plex-mono/*.css";
