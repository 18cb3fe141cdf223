package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// The files under deploy/ name commands, flags and configurations: this program
// must know them.

// readDeploy returns a file's text.
func readDeploy(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "deploy", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// knows fails the test when gatemeter does not take args. With --help it only reads
// them, and refuses flags and commands that it does not know.
func knows(t *testing.T, where string, args []string) {
	t.Helper()
	if len(args) < 2 {
		t.Errorf("%s: no command in %q", where, args)
		return
	}
	out, err := exec.Command(binary, append(slices.Clone(args), "--help")...).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "gatemeter "+args[0]) {
		t.Errorf("%s: gatemeter %s: %v\n%s", where, strings.Join(args, " "), err, out)
	}
}

const applicationID = "GATEMETER_APPLICATION_ID=an-id-for-the-test"

// passes fails the test when check finds anything in a configuration.
func passes(t *testing.T, where, file string, env ...string) {
	t.Helper()
	check := exec.Command(binary, "check", "-l", "-c", file)
	check.Env = append(os.Environ(), env...)
	if out, err := check.CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s", where, err, out)
	}
}

func TestUnitsOfSystemdNameCommandsThatExist(t *testing.T) {
	for _, unit := range []string{"systemd/gatemeter-gateway.service", "systemd/gatemeter-platform.service"} {
		lines := regexp.MustCompile(`(?m)^Exec\w+=/usr/bin/gatemeter (.*)$`).FindAllStringSubmatch(readDeploy(t, unit), -1)
		if len(lines) == 0 {
			t.Errorf("%s starts nothing", unit)
		}
		for _, line := range lines {
			knows(t, unit, strings.Fields(line[1]))
		}
	}
}

func TestImagesNameCommandsThatExist(t *testing.T) {
	lines := regexp.MustCompile(`(?m)^CMD (\[.*\])$`).FindAllStringSubmatch(readDeploy(t, "docker/Dockerfile"), -1)
	if len(lines) != 2 {
		t.Errorf("%d images have a command, want 2", len(lines))
	}
	for _, line := range lines {
		var args []string
		if err := yaml.Unmarshal([]byte(line[1]), &args); err != nil {
			t.Fatal(err)
		}
		knows(t, "Dockerfile", args)
	}
}

func TestComposeFileIsOneThatRuns(t *testing.T) {
	var file struct {
		Services map[string]struct {
			Command     []string          `yaml:"command"`
			Environment map[string]string `yaml:"environment"`
		} `yaml:"services"`
	}
	if err := yaml.Unmarshal([]byte(readDeploy(t, "compose/compose.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	knows(t, "compose.yaml", file.Services["platform"].Command)
	gateway := file.Services["gateway"].Environment
	if gateway["GATEMETER_COLLECTOR_URL"] != "http://platform:9700" || gateway["GATEMETER_APPLICATION_ID"] == "" {
		t.Errorf("the gateway does not report to the platform: %v", gateway)
	}
	if file.Services["platform"].Environment["GATEMETER_APPLICATION_ID"] != gateway["GATEMETER_APPLICATION_ID"] {
		t.Error("gateway and platform do not have the same application id")
	}
	passes(t, "compose", filepath.Join("..", "deploy", "compose", "krakend", "krakend.json"), applicationID)
}

func TestPackagesHoldFilesThatExist(t *testing.T) {
	for name, other := range map[string]string{"gatemeter": "gatemeter-gateway", "gatemeter-gateway": "gatemeter"} {
		var spec struct {
			Name      string
			Conflicts []string // both have /usr/bin/gatemeter
			Contents  []struct{ Src, Dst string }
		}
		file := "packages/nfpm" + strings.TrimPrefix(name, "gatemeter") + ".yaml"
		if err := yaml.Unmarshal([]byte(readDeploy(t, file)), &spec); err != nil {
			t.Fatal(err)
		}
		if spec.Name != name || !slices.Equal(spec.Conflicts, []string{other}) || len(spec.Contents) < 5 {
			t.Fatalf("%s: got %+v", file, spec)
		}
		for _, c := range spec.Contents {
			if c.Src == "bin/"+name { // is built first
				continue
			}
			if _, err := os.Stat(filepath.Join("..", c.Src)); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
	}
	passes(t, "packages", filepath.Join("..", "deploy", "packages", "krakend.json"))
}

func TestChartIsOneThatRuns(t *testing.T) {
	var values struct {
		Gateway struct{ Config string }
	}
	if err := yaml.Unmarshal([]byte(readDeploy(t, "helm/gatemeter/values.yaml")), &values); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "krakend.json")
	if err := os.WriteFile(file, []byte(values.Gateway.Config), 0o600); err != nil {
		t.Fatal(err)
	}
	passes(t, "values.yaml", file, applicationID)
	args := regexp.MustCompile(`(?m)^ +args: (\[.*\])$`).FindStringSubmatch(readDeploy(t, "helm/gatemeter/templates/platform.yaml"))
	if args == nil {
		t.Fatal("the chart's platform has no arguments")
	}
	var command []string
	if err := yaml.Unmarshal([]byte(args[1]), &command); err != nil {
		t.Fatal(err)
	}
	knows(t, "chart", command)
}
