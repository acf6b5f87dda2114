// A peer made with hashicorp/yamux: dials a unix socket, opens streams that it expects to be echoed, echoes the streams it is given, and
// prints what came of it.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"sync"

	"github.com/hashicorp/yamux"
)

func main() {
	role := flag.String("role", "client", "client or server")
	streams := flag.Int("streams", 4, "how many streams to open")
	size := flag.Int("size", 1<<20, "bytes to send on each")
	flag.Parse()
	if err := run(flag.Arg(0), *role, *streams, *size); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(path, role string, streams, size int) error {
	conn, err := net.Dial("unix", path)
	if err != nil {
		return err
	}
	start := yamux.Client
	if role == "server" {
		start = yamux.Server
	}
	config := yamux.DefaultConfig()
	// It remarks on frames that cross a stream's end.
	config.LogOutput = io.Discard
	session, err := start(conn, config)
	if err != nil {
		return err
	}
	go serve(session)
	var all sync.WaitGroup
	failures := make(chan error, streams)
	for index := range streams {
		all.Go(func() { failures <- echoed(session, byte('a'+index), size) })
	}
	all.Wait()
	for range streams {
		if err := <-failures; err != nil {
			return err
		}
	}
	if _, err := session.Ping(); err != nil {
		return fmt.Errorf("ping: %w", err)
	}
	fmt.Println("done")
	// Lives until the other side has what it wants, too.
	<-session.CloseChan()
	return nil
}

func serve(session *yamux.Session) {
	for {
		stream, err := session.AcceptStream()
		if err != nil {
			return
		}
		go func() {
			defer stream.Close()
			io.Copy(stream, stream)
		}()
	}
}

func echoed(session *yamux.Session, fill byte, size int) error {
	stream, err := session.OpenStream()
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	sent := bytes.Repeat([]byte{fill}, size)
	go func() {
		stream.Write(sent)
		stream.Close()
	}()
	received, err := io.ReadAll(stream)
	if err != nil {
		return fmt.Errorf("read: %w", err)
	}
	if !bytes.Equal(received, sent) {
		return fmt.Errorf("stream %d: got %d bytes back, not the %d that were sent", stream.StreamID(), len(received), size)
	}
	return nil
}
