// Generate makes Go code of the contract's .proto files: what protoc does, with nothing to install.
//
//	go run ./tools/generate PROTO_DIR OUT_DIR
package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"
)

const file = "executor/v1/executor.proto"

// Where the code will be imported from.
const importPath = "dkron-executor-checksum/gen/executor/v1;executorv1"

func main() {
	if len(os.Args) != 3 {
		fail(fmt.Errorf("usage: generate PROTO_DIR OUT_DIR"))
	}
	request, err := compile(os.Args[1])
	if err != nil {
		fail(err)
	}
	for _, tool := range []string{"protoc-gen-go", "protoc-gen-go-grpc"} {
		if err := generate(tool, request, os.Args[2]); err != nil {
			fail(err)
		}
	}
}

// compile reads the .proto file with everything it imports, into the request that generators take.
func compile(directory string) ([]byte, error) {
	compiler := protocompile.Compiler{
		Resolver:       protocompile.WithStandardImports(&protocompile.SourceResolver{ImportPaths: []string{directory}}),
		SourceInfoMode: protocompile.SourceInfoStandard, // for the comments
	}
	files, err := compiler.Compile(context.Background(), file)
	if err != nil {
		return nil, err
	}
	return proto.Marshal(&pluginpb.CodeGeneratorRequest{
		FileToGenerate: []string{file},
		Parameter:      proto.String("paths=source_relative,M" + file + "=" + importPath),
		ProtoFile:      inOrder(files[0], map[string]bool{}),
	})
}

// inOrder lists a file after the files it imports.
func inOrder(file protoreflect.FileDescriptor, seen map[string]bool) []*descriptorpb.FileDescriptorProto {
	if seen[file.Path()] {
		return nil
	}
	seen[file.Path()] = true
	var all []*descriptorpb.FileDescriptorProto
	for i := range file.Imports().Len() {
		all = append(all, inOrder(file.Imports().Get(i).FileDescriptor, seen)...)
	}
	return append(all, protodesc.ToFileDescriptorProto(file))
}

// generate runs one generator of those that go.mod lists as tools, and writes its files.
func generate(tool string, request []byte, out string) error {
	command := exec.Command("go", "tool", tool)
	command.Stdin = bytes.NewReader(request)
	command.Stderr = os.Stderr
	answer, err := command.Output()
	if err != nil {
		return fmt.Errorf("%s: %w", tool, err)
	}
	var response pluginpb.CodeGeneratorResponse
	if err := proto.Unmarshal(answer, &response); err != nil {
		return fmt.Errorf("%s: %w", tool, err)
	}
	if response.GetError() != "" {
		return fmt.Errorf("%s: %s", tool, strings.TrimSpace(response.GetError()))
	}
	for _, made := range response.File {
		path := filepath.Join(out, filepath.FromSlash(made.GetName()))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if present, err := os.ReadFile(path); err == nil && string(present) == made.GetContent() {
			continue // somebody else may be compiling it
		}
		if err := os.WriteFile(path, []byte(made.GetContent()), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "generate:", err)
	os.Exit(1)
}
