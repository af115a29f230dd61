// Command client asks a CRI server, as a kubelet does: calls in JSON, and the
// streams behind Exec, Attach and PortForward.
//
//	client SOCKET call METHOD [JSON]       a request of runtime.v1, its answer on stdout
//	client SOCKET stream METHOD JSON       stdio over the URL that METHOD answers with
//	client SOCKET forward ID PORT          stdio over a port of the pod
//
// It exits with the code of the program in stream, with 1 when the server
// refuses. The messages are JSON's form of those in k8s.io/cri-api.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"k8s.io/client-go/util/exec"
	_ "k8s.io/cri-api/pkg/apis/runtime/v1" // registers the messages
)

// callTime is longer than any call of the tests takes; a stop with a grace
// period is the longest.
const callTime = 2 * time.Minute

func main() {
	err := run(os.Args[1:])
	var code exec.CodeExitError
	switch {
	case err == nil:
	case errors.As(err, &code):
		os.Exit(code.Code)
	default:
		if refused, ok := status.FromError(err); ok {
			fmt.Fprintf(os.Stderr, "%s: %s\n", refused.Code(), refused.Message())
		} else {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 3 {
		return errors.New("usage: client SOCKET call|stream|forward ARGUMENT")
	}
	conn, err := grpc.NewClient("unix://"+args[0], grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(context.Background(), callTime)
	defer cancel()

	switch command, rest := args[1], args[2:]; command {
	case "call":
		request := "{}"
		if len(rest) > 1 {
			request = rest[1]
		}
		_, answer, err := call(ctx, conn, rest[0], request)
		if err != nil {
			return err
		}
		text, err := protojson.MarshalOptions{EmitUnpopulated: true}.Marshal(answer)
		if err != nil {
			return err
		}
		fmt.Println(string(text))
		return nil
	case "stream":
		if len(rest) != 2 {
			return errors.New("usage: client SOCKET stream METHOD JSON")
		}
		asked, url, err := streamURL(ctx, conn, rest[0], rest[1])
		if err != nil {
			return err
		}
		return stream(ctx, url, asked)
	case "forward":
		if len(rest) != 2 {
			return errors.New("usage: client SOCKET forward ID PORT")
		}
		_, url, err := streamURL(ctx, conn, "PortForward", fmt.Sprintf(`{"pod_sandbox_id":%q,"port":[%s]}`, rest[0], rest[1]))
		if err != nil {
			return err
		}
		return forward(url, rest[1])
	}
	return fmt.Errorf("no such command: %s", args[1])
}

// call sends one request of the runtime or the image service, and returns it
// with its answer.
func call(ctx context.Context, conn *grpc.ClientConn, method, request string) (in, out proto.Message, err error) {
	for _, service := range []protoreflect.FullName{"runtime.v1.RuntimeService", "runtime.v1.ImageService"} {
		found, err := protoregistry.GlobalFiles.FindDescriptorByName(service.Append(protoreflect.Name(method)))
		if err != nil {
			continue
		}
		described := found.(protoreflect.MethodDescriptor)
		in, err := message(described.Input())
		if err != nil {
			return nil, nil, err
		}
		if err := protojson.Unmarshal([]byte(request), in); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", method, err)
		}
		out, err := message(described.Output())
		if err != nil {
			return nil, nil, err
		}
		return in, out, conn.Invoke(ctx, fmt.Sprintf("/%s/%s", service, method), in, out)
	}
	return nil, nil, fmt.Errorf("the CRI has no method %s", method)
}

func message(of protoreflect.MessageDescriptor) (proto.Message, error) {
	kind, err := protoregistry.GlobalTypes.FindMessageByName(of.FullName())
	if err != nil {
		return nil, err
	}
	return kind.New().Interface(), nil
}

// streamURL asks for a stream, and returns the request and where the stream is.
func streamURL(ctx context.Context, conn *grpc.ClientConn, method, request string) (proto.Message, string, error) {
	asked, answer, err := call(ctx, conn, method, request)
	if err != nil {
		return nil, "", err
	}
	field := answer.ProtoReflect().Descriptor().Fields().ByName("url")
	if field == nil {
		return nil, "", fmt.Errorf("%s answers without a URL", method)
	}
	return asked, answer.ProtoReflect().Get(field).String(), nil
}
