package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig/v3"
)

// flexible is flexible configuration (KrakenD v3, 1.1): with FC_ENABLE set to
// anything, the file is a template of the standard library's text/template with
// sprig's functions, include and marshal.
type flexible struct {
	*findings
	env func(string) (string, bool)
}

// readConfiguration is readSource for a file that may be a template.
func readConfiguration(f *findings, file string, data []byte, env func(string) (string, bool)) map[string]any {
	if on, _ := env("FC_ENABLE"); on == "" {
		f.lines = func() Lines { return Lines{of: keyLines(file, data)} }
		return readSource(f, file, file, data)
	}
	template := &flexible{f, env}
	name, rendered := template.render(file, data)
	if len(f.problems) > 0 {
		return nil
	}
	format := renderedName(file, rendered)
	f.lines = func() Lines { return Lines{of: keyLines(format, rendered), rendered: true} }
	values := readSource(f, name, format, rendered)
	template.tellLines()
	return values
}

// unset is what a template writes for a setting that is not there.
const unset = "<no value>"

// render gives the configuration that the template in data stands for, and the
// name under which to talk about it. What goes wrong becomes a problem; KrakenD
// goes on with the raw file then.
func (f *flexible) render(file string, data []byte) (name string, rendered []byte) {
	settings := f.settings()
	t := f.templates(file)
	if len(f.problems) > 0 {
		return file, nil
	}
	t, err := t.New(filepath.Base(file)).Parse(string(data))
	if err != nil {
		f.templateProblem(file, err)
		return file, nil
	}
	var out bytes.Buffer
	if err := t.Execute(&out, settings); err != nil {
		f.templateProblem(file, err)
		return file, nil
	}
	name = f.keep(file, out.Bytes())
	if at := bytes.Index(out.Bytes(), []byte(unset)); at >= 0 {
		line, column := place(out.Bytes(), at)
		f.warn(fmt.Sprintf("%s:%d:%d", name, line, column), "the template asks for a setting that is not there, and got %s", unset)
	}
	return name, out.Bytes()
}

// tellLines adds to the problems with what was rendered where their lines are.
func (f *flexible) tellLines() {
	if out, _ := f.env("FC_OUT"); out != "" {
		return // they name that file
	}
	for i := range f.problems {
		f.problems[i].Message += " (in the rendered file: FC_OUT=FILE keeps it)"
	}
}

// renderedName picks the format of what was rendered: that of the file's extension,
// without .tmpl; what begins like JSON is JSON, since KrakenD takes it for that.
func renderedName(file string, rendered []byte) string {
	if bytes.HasPrefix(bytes.TrimLeft(rendered, " \t\r\n\ufeff"), []byte("{")) {
		return file + ".json"
	}
	return strings.TrimSuffix(file, ".tmpl")
}

// keep writes what was rendered to FC_OUT, if that is set, readable by its owner
// alone: it may hold secrets. Lines are counted in what name tells then.
func (f *flexible) keep(file string, rendered []byte) (name string) {
	out, _ := f.env("FC_OUT")
	if out == "" {
		return file
	}
	if err := os.WriteFile(out, rendered, 0o600); err != nil {
		f.problem("FC_OUT", "cannot be written: %v", err)
	}
	return out
}

// settings reads the objects in FC_SETTINGS: name.json becomes .name.
func (f *flexible) settings() map[string]any {
	settings := map[string]any{}
	for _, file := range f.files("FC_SETTINGS", ".json") {
		data, err := os.ReadFile(file) // #nosec G304 -- the operator names the folder
		if err != nil {
			f.problem("FC_SETTINGS", "cannot be read: %v", err)
			continue
		}
		before := len(f.problems)
		readJSON(f.findings, file, data)
		if len(f.problems) > before {
			continue
		}
		var object map[string]any // numbers are float64, as templates compare them
		if err := json.Unmarshal(data, &object); err != nil {
			f.problem(file, "must hold one object with settings")
			continue
		}
		settings[strings.TrimSuffix(filepath.Base(file), ".json")] = object
	}
	return settings
}

// templates reads FC_TEMPLATES, whose files a template calls by their names.
func (f *flexible) templates(file string) *template.Template {
	functions := template.FuncMap(sprig.GenericFuncMap())
	maps.Copy(functions, template.FuncMap{
		"include": f.include,
		"marshal": marshal,
		// KrakenD has these as well; here they see the environment that Load sees.
		"env":       f.variable,
		"expandenv": func(text string) string { return os.Expand(text, f.variable) },
	})
	t := template.New("").Funcs(functions)
	for _, part := range f.files("FC_TEMPLATES", ".tmpl") {
		data, err := os.ReadFile(part) // #nosec G304 -- the operator names the folder
		if err != nil {
			f.problem("FC_TEMPLATES", "cannot be read: %v", err)
			continue
		}
		if _, err := t.New(filepath.Base(part)).Parse(string(data)); err != nil {
			f.templateProblem(file, err)
		}
	}
	return t
}

// files lists those of the folder that a variable names, with an extension.
func (f *flexible) files(variable, extension string) []string {
	folder, _ := f.env(variable)
	if folder == "" {
		return nil
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		f.problem(variable, "cannot be read: %v", err)
		return nil
	}
	var files []string
	for _, e := range entries {
		if !e.IsDir() && filepath.Ext(e.Name()) == extension {
			files = append(files, filepath.Join(folder, e.Name()))
		}
	}
	return files
}

// include gives the text of a file in FC_PARTIALS as it is.
func (f *flexible) include(name string) (string, error) {
	folder, _ := f.env("FC_PARTIALS")
	if folder == "" {
		return "", fmt.Errorf("FC_PARTIALS is not set, the folder of %s", name)
	}
	data, err := os.ReadFile(filepath.Join(folder, name)) // #nosec G304 -- the operator names the folder
	return string(data), err
}

func (f *flexible) variable(name string) string {
	value, _ := f.env(name)
	return value
}

func marshal(v any) (string, error) {
	text, err := json.Marshal(v)
	return string(text), err
}

var templatePlace = regexp.MustCompile(`(?s)^template: (.+?):(\d+(?::\d+)?): (?:executing "[^"]*" )?(.*)$`)

// templateProblem names the file and the line that a template's error is about.
func (f *flexible) templateProblem(file string, err error) {
	at, message := file, err.Error()
	if m := templatePlace.FindStringSubmatch(message); m != nil {
		if m[1] != filepath.Base(file) {
			folder, _ := f.env("FC_TEMPLATES")
			at = filepath.Join(folder, m[1])
		}
		at, message = at+":"+m[2], m[3]
	}
	f.problem(at, "%s", strings.Join(strings.Fields(message), " "))
}
