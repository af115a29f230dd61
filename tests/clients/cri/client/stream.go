package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/transport/spdy"
)

// stream joins stdio with a program in a container, as far as the request asks
// for it. The program's exit code is its error.
func stream(ctx context.Context, address string, request proto.Message) error {
	parsed, err := url.Parse(address)
	if err != nil {
		return err
	}
	executor, err := remotecommand.NewSPDYExecutor(&rest.Config{}, http.MethodPost, parsed)
	if err != nil {
		return err
	}
	options := remotecommand.StreamOptions{Tty: asked(request, "tty")}
	if asked(request, "stdin") {
		options.Stdin = os.Stdin
	}
	if asked(request, "stdout") {
		options.Stdout = os.Stdout
	}
	if asked(request, "stderr") {
		options.Stderr = os.Stderr
	}
	if options.Tty {
		options.TerminalSizeQueue = &oneSize{size: &remotecommand.TerminalSize{Width: 93, Height: 31}}
	}
	return executor.StreamWithContext(ctx, options)
}

func asked(request proto.Message, name protoreflect.Name) bool {
	field := request.ProtoReflect().Descriptor().Fields().ByName(name)
	return field != nil && request.ProtoReflect().Get(field).Bool()
}

// oneSize tells the terminal's size once.
type oneSize struct{ size *remotecommand.TerminalSize }

func (q *oneSize) Next() *remotecommand.TerminalSize {
	size := q.size
	q.size = nil
	return size
}

// forward joins stdio with one connection to a port of the pod.
func forward(address, port string) error {
	parsed, err := url.Parse(address)
	if err != nil {
		return err
	}
	transport, upgrader, err := spdy.RoundTripperFor(&rest.Config{})
	if err != nil {
		return err
	}
	dialer := spdy.NewDialer(upgrader, &http.Client{Transport: transport}, http.MethodPost, parsed)
	stop, ready, failed := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	forwarder, err := portforward.NewOnAddresses(dialer, []string{"127.0.0.1"}, []string{"0:" + port}, stop, ready, io.Discard, os.Stderr)
	if err != nil {
		return err
	}
	go func() { failed <- forwarder.ForwardPorts() }()
	select {
	case err := <-failed:
		return err
	case <-ready:
	}
	defer close(stop)
	ports, err := forwarder.GetPorts()
	if err != nil {
		return err
	}
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", ports[0].Local))
	if err != nil {
		return err
	}
	defer conn.Close()
	go func() {
		_, _ = io.Copy(conn, os.Stdin)
		_ = conn.(*net.TCPConn).CloseWrite()
	}()
	_, err = io.Copy(os.Stdout, conn)
	return err
}
