//go:build linux

package main

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// poll waits for answers and for the time of the next request. The kernel's timer
// is exact to some microseconds; that of Go's runtime is to a millisecond.
type poll struct {
	fd, timer int
	events    [128]unix.EpollEvent
	ready     []int
}

// noConn marks the timer's events.
const noConn = -1

// newPoll ticks rate times a second; with 0 it only looks around now and then.
func newPoll(rate int) (*poll, error) {
	p := &poll{fd: -1, timer: -1}
	var err error
	if p.fd, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	if p.timer, err = unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK); err != nil {
		return nil, errors.Join(fmt.Errorf("timerfd: %w", err), p.close())
	}
	interval := 100 * time.Millisecond
	if rate > 0 {
		interval = time.Second / time.Duration(rate)
	}
	tick := unix.NsecToTimespec(int64(interval))
	if err := unix.TimerfdSettime(p.timer, 0, &unix.ItimerSpec{Interval: tick, Value: tick}, nil); err != nil {
		return nil, errors.Join(fmt.Errorf("timerfd: %w", err), p.close())
	}
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: noConn}
	if err := unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, p.timer, &event); err != nil {
		return nil, errors.Join(fmt.Errorf("epoll: %w", err), p.close())
	}
	return p, nil
}

// add watches a connection.
func (p *poll) add(fd, index int) error {
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(index)} // a number of ours, not the descriptor
	return unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, fd, &event)
}

// wait returns the connections that can be read; none when the timer has ticked.
// The slice is good until the next wait.
func (p *poll) wait() ([]int, error) {
	n, err := unix.EpollWait(p.fd, p.events[:], -1)
	if err != nil && !errors.Is(err, unix.EINTR) {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	p.ready = p.ready[:0]
	for i := range max(n, 0) {
		if index := p.events[i].Fd; index != noConn {
			p.ready = append(p.ready, int(index))
			continue
		}
		var ticks [8]byte // the timer goes on when they are read; the clock counts, not they
		if _, err := unix.Read(p.timer, ticks[:]); err != nil && !errors.Is(err, unix.EAGAIN) {
			return nil, fmt.Errorf("timerfd: %w", err)
		}
	}
	return p.ready, nil
}

func (p *poll) close() error {
	var errs []error
	for _, fd := range []int{p.timer, p.fd} {
		if fd >= 0 {
			errs = append(errs, unix.Close(fd))
		}
	}
	return errors.Join(errs...)
}

// conn is a connection with one request at a time on it.
type conn struct {
	fd  int
	due time.Duration // when its request was to be sent
	in  message
	out []byte
}

func dial(address string) (*conn, error) {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	c := &conn{fd: fd, in: message{buffer: make([]byte, 64<<10)}}
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}); err != nil {
		return nil, errors.Join(err, c.close())
	}
	if err := errors.Join(unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1), unix.SetNonblock(fd, true)); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

func (c *conn) close() error { return unix.Close(c.fd) }

// send writes the next request.
func (c *conn) send(next func([]byte) []byte) error {
	c.out = next(c.out[:0])
	n, err := unix.Write(c.fd, c.out)
	if err != nil {
		return fmt.Errorf("sending: %w", err)
	}
	if n < len(c.out) {
		return fmt.Errorf("sending: the socket took %d bytes of %d", n, len(c.out))
	}
	return nil
}

// receive reads what has come, and reports whether the answer is whole.
func (c *conn) receive(status int) (done bool, err error) {
	n, err := unix.Read(c.fd, c.in.room())
	switch {
	case errors.Is(err, unix.EAGAIN):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("receiving: %w", err)
	case n == 0:
		return false, errors.New("the connection was closed")
	}
	c.in.grow(n)
	if done, err = c.in.whole(); !done || err != nil {
		return false, err
	}
	if c.in.length < 0 {
		return false, errors.New("an answer without Content-Length")
	}
	if got := c.in.status(); got != status {
		return false, fmt.Errorf("answered %d, not %d: %.200q", got, status, c.in.buffer[:c.in.have])
	}
	c.in.next()
	return true, nil
}
