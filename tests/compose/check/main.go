// Command check loads compose files as docker compose does and prints the resolved projects as JSON, one a line, so that
// a mistake that only the engine's own library can see fails a test and not a deployment.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/compose-spec/compose-go/v2/cli"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: check FILE...")
		os.Exit(2)
	}
	for _, file := range os.Args[1:] {
		resolved, err := resolve(file)
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", file, err)
			os.Exit(1)
		}
		fmt.Println(string(resolved))
	}
}

// resolve gives one file with all its profiles, interpolated from this process's environment alone: a .env
// beside the file belongs to whoever deploys, not to the check.
func resolve(file string) ([]byte, error) {
	options, err := cli.NewProjectOptions([]string{file},
		cli.WithOsEnv,
		cli.WithProfiles([]string{"*"}),
		cli.WithResolvedPaths(true),
	)
	if err != nil {
		return nil, err
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return nil, err
	}
	if err := project.CheckContainerNameUnicity(); err != nil {
		return nil, err
	}
	indented, err := project.MarshalJSON()
	if err != nil {
		return nil, err
	}
	var line bytes.Buffer
	err = json.Compact(&line, indented)
	return line.Bytes(), err
}
