package events

/*
#include <stdlib.h>
#ifdef __GLIBC__
#include <malloc.h>
static void few_arenas(void) { mallopt(M_ARENA_MAX, 2); }
#else
static void few_arenas(void) {}
#endif
*/
import "C"

import "sync"

// fewArenas has the C library take DuckDB's memory from two arenas. Go calls DuckDB
// from many threads, and each would leave holes in an arena of its own.
var fewArenas = sync.OnceFunc(func() { C.few_arenas() })
