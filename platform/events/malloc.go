package events

/*
#include <stdlib.h>
#ifdef __GLIBC__
#include <malloc.h>
static void few_arenas(void) { mallopt(M_ARENA_MAX, 2); }
static void give_back(void) { malloc_trim(0); }
#else
static void few_arenas(void) {}
static void give_back(void) {}
#endif
*/
import "C"

import "sync"

// fewArenas has the C library take DuckDB's memory from two arenas. Go calls DuckDB
// from many threads, and each would leave holes in an arena of its own.
var fewArenas = sync.OnceFunc(func() { C.few_arenas() })

// giveBack returns to the system what the C library keeps of memory that was freed: of
// zstd's, and of the journal's cache, whose blocks leave holes when memtables take its place.
func giveBack() { C.give_back() }
