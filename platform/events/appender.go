package events

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"sync"
	"unsafe"

	"github.com/duckdb/duckdb-go/v2"
	"github.com/duckdb/duckdb-go/v2/mapping"
)

const (
	inlined   = 12       // bytes of a string that DuckDB keeps in the vector itself
	blockSize = 64 << 10 // bytes of longer strings that are allocated at a time
	maxArena  = 4 << 20  // of longer strings, after which rows are handed over
)

// appender appends rows to a table like duckdb.Appender, for a third of the time:
// it writes into DuckDB's vectors itself, instead of asking C for each value. A row
// is begun, gets a value for each column in their order, and is ended.
type appender struct {
	table    string
	appender mapping.Appender
	chunk    mapping.DataChunk
	columns  []column
	rows     int // in the chunk
	next     int // the column that gets the next value

	// What strings of the chunk point to. DuckDB copies it when it takes the chunk.
	pinned runtime.Pinner
	blocks []*[blockSize]byte // for strings that are shorter
	free   []byte             // of the last block
	arena  int                // bytes in the blocks, and of longer strings
}

// textBlocks hold those that nobody uses, until the next collection of garbage.
var textBlocks = sync.Pool{New: func() any { return new([blockSize]byte) }}

type column struct {
	kind     mapping.Type
	data     unsafe.Pointer // of as many values as a chunk has rows
	validity unsafe.Pointer // a bit for each
}

// duckString is duckdb_string_t of a string that is not inlined.
type duckString struct {
	length uint32
	prefix [4]byte
	data   uintptr
}

func newAppender(c driver.Conn, table string) (a *appender, err error) {
	conn, err := connectionOf(c)
	if err != nil {
		return nil, err
	}
	a = &appender{table: table}
	if mapping.AppenderCreateExt(conn, "", "", table, &a.appender) == mapping.StateError {
		err := a.failure()
		mapping.AppenderDestroy(&a.appender)
		return nil, err
	}
	types := make([]mapping.LogicalType, mapping.AppenderColumnCount(a.appender))
	a.columns = make([]column, len(types))
	for i := range types {
		types[i] = mapping.AppenderColumnType(a.appender, mapping.IdxT(i)) // #nosec G115 -- counts columns
		a.columns[i].kind = mapping.GetTypeId(types[i])
	}
	a.chunk = mapping.CreateDataChunk(types)
	for i := range types {
		mapping.DestroyLogicalType(&types[i])
	}
	a.reset()
	return a, nil
}

// connectionOf is the handle that the driver keeps to itself: its own appender
// takes every value through an interface and a call into C.
func connectionOf(c driver.Conn) (conn mapping.Connection, err error) {
	dc, ok := c.(*duckdb.Conn)
	if !ok {
		return conn, fmt.Errorf("connection is a %T", c)
	}
	field := reflect.ValueOf(dc).Elem().FieldByName("conn")
	if !field.IsValid() || field.Type() != reflect.TypeFor[mapping.Connection]() {
		return conn, errors.New("this version of duckdb-go keeps its connection elsewhere")
	}
	return *(*mapping.Connection)(field.Addr().UnsafePointer()), nil
}

// reset makes the chunk empty.
func (a *appender) reset() {
	for i := range a.columns {
		v := mapping.DataChunkGetVector(a.chunk, mapping.IdxT(i)) // #nosec G115 -- counts columns
		mapping.VectorEnsureValidityWritable(v)
		a.columns[i].data, a.columns[i].validity = mapping.VectorGetData(v), mapping.VectorGetValidity(v)
	}
	a.forget()
	a.rows = 0
}

// forget gives back the memory of strings.
func (a *appender) forget() {
	a.pinned.Unpin()
	for _, b := range a.blocks {
		textBlocks.Put(b)
	}
	a.blocks, a.free, a.arena = a.blocks[:0], nil, 0
}

// at returns where the value of the next column goes. The kind that is written
// must be that of the column, as DuckDB would read other memory otherwise.
func (a *appender) at(kind mapping.Type, size uintptr) unsafe.Pointer {
	c := &a.columns[a.next]
	if c.kind != kind {
		panic(fmt.Sprintf("append to %s: column %d is no %v", a.table, a.next, kind))
	}
	a.next++
	return unsafe.Add(c.data, uintptr(a.rows)*size) // #nosec G103 -- rows are fewer than a chunk has
}

func (a *appender) null() {
	c := &a.columns[a.next]
	a.next++
	word := (*uint64)(unsafe.Add(c.validity, a.rows/64*8)) // #nosec G103 -- rows are fewer than a chunk has
	*word &^= 1 << (a.rows % 64)
}

func (a *appender) bool(v bool)   { *(*bool)(a.at(mapping.TypeBoolean, 1)) = v }
func (a *appender) int16(v int16) { *(*int16)(a.at(mapping.TypeSmallInt, 2)) = v }
func (a *appender) int32(v int32) { *(*int32)(a.at(mapping.TypeInteger, 4)) = v }
func (a *appender) int64(v int64) { *(*int64)(a.at(mapping.TypeBigInt, 8)) = v }

// time takes µs since 1970.
func (a *appender) time(v int64) { *(*int64)(a.at(mapping.TypeTimestamp, 8)) = v }

// known appends a number, or null for what is below 0.
func (a *appender) known(v int64) {
	if v < 0 {
		a.null()
		return
	}
	a.int64(v)
}

// text appends a string, which must be UTF-8 (text).
func (a *appender) text(s string) {
	at := a.at(mapping.TypeVarchar, unsafe.Sizeof(duckString{}))
	if len(s) <= inlined {
		short := (*[4 + inlined]byte)(at)
		clear(short[4:])
		*(*uint32)(at) = uint32(len(s)) // #nosec G115 -- at most 12
		copy(short[4:], s)
		return
	}
	long := (*duckString)(at)
	long.length = uint32(len(s)) // #nosec G115 -- an event is smaller than 2 MB
	copy(long.prefix[:], s)
	long.data = uintptr(unsafe.Pointer(unsafe.StringData(a.keep(s)))) // #nosec G103 -- pinned until DuckDB has taken the chunk
}

// optional appends a string, or null for "".
func (a *appender) optional(s string) {
	if s == "" {
		a.null()
		return
	}
	a.text(s)
}

// bytes appends what may be no UTF-8, or null for nothing.
func (a *appender) bytes(b []byte) {
	a.optional(text(unsafe.String(unsafe.SliceData(b), len(b)))) // #nosec G103 -- is copied before b changes
}

// json appends what was written as JSON here, which is UTF-8, or null for nothing.
func (a *appender) json(b []byte) {
	a.optional(unsafe.String(unsafe.SliceData(b), len(b))) // #nosec G103 -- is copied before b changes
}

// keep copies a string to where it stays until the next reset.
func (a *appender) keep(s string) string {
	if len(s) > len(a.free) {
		a.free = a.more(len(s))
		a.pinned.Pin(unsafe.SliceData(a.free))
		a.arena += len(a.free)
	}
	kept := a.free[:copy(a.free, s)]
	a.free = a.free[len(s):]
	return unsafe.String(unsafe.SliceData(kept), len(kept)) // #nosec G103 -- is not written to again
}

// more returns memory for n bytes or more.
func (a *appender) more(n int) []byte {
	if n > blockSize {
		return make([]byte, n)
	}
	b, _ := textBlocks.Get().(*[blockSize]byte)
	a.blocks = append(a.blocks, b)
	return b[:]
}

// end ends a row.
func (a *appender) end() error {
	if a.next != len(a.columns) {
		return fmt.Errorf("append to %s: %d values for %d columns", a.table, a.next, len(a.columns))
	}
	a.next = 0
	a.rows++
	if a.rows < int(mapping.VectorSize()) && a.arena < maxArena {
		return nil
	}
	return a.flushChunk()
}

func (a *appender) flushChunk() error {
	mapping.DataChunkSetSize(a.chunk, mapping.IdxT(a.rows)) // #nosec G115 -- counts rows
	if mapping.AppendDataChunk(a.appender, a.chunk) == mapping.StateError {
		return a.failure()
	}
	mapping.DataChunkReset(a.chunk)
	a.reset()
	return nil
}

// close hands over what is there, unless filling failed, and frees everything.
func (a *appender) close(filling error) error {
	err := filling
	if err == nil && a.rows > 0 {
		err = a.flushChunk()
	}
	if err == nil && mapping.AppenderFlush(a.appender) == mapping.StateError {
		err = a.failure()
	}
	if err != nil {
		mapping.AppenderClear(a.appender) // it would append them when it is destroyed
	}
	if mapping.AppenderDestroy(&a.appender) == mapping.StateError && err == nil {
		err = fmt.Errorf("append to %s: it did not close", a.table)
	}
	mapping.DestroyDataChunk(&a.chunk)
	a.forget()
	return err
}

// failure is the last error of DuckDB's appender.
func (a *appender) failure() error {
	data := mapping.AppenderErrorData(a.appender)
	defer mapping.DestroyErrorData(&data)
	return &duckdb.Error{Type: duckdb.ErrorType(mapping.ErrorDataErrorType(data)), Msg: mapping.ErrorDataMessage(data)}
}
