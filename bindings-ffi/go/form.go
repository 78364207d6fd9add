package tidegate

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
)

// File is a file in a form. An [io.Reader] or []byte in its place does too: a reader with a Name,
// such as an *os.File, is sent under that name.
type File struct {
	// Name goes with it. Default "upload".
	Name string
	// ContentType of the bytes. Default: by the extension of Name, else application/octet-stream.
	ContentType string
	Content     io.Reader
}

// field is one part of a form: a text or a file.
type field struct {
	name, text string
	file       *File
}

// encodeForm writes a form (RFC 7578): lists as name[], objects as name[member], nil stays out.
func encodeForm(params M) (http.Header, []byte, error) {
	var buffer bytes.Buffer
	writer := multipart.NewWriter(&buffer)
	for _, field := range flatten(nil, "", params) {
		disposition := `form-data; name="` + quoted(field.name) + `"`
		header := textproto.MIMEHeader{}
		content := io.Reader(strings.NewReader(field.text))
		if field.file != nil {
			disposition += `; filename="` + quoted(field.file.Name) + `"`
			header.Set("Content-Type", field.file.ContentType)
			content = field.file.Content
		}
		header.Set("Content-Disposition", disposition)
		part, err := writer.CreatePart(header)
		if err == nil {
			_, err = io.Copy(part, content)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("tidegate: form field %s: %w", field.name, err)
		}
	}
	if err := writer.Close(); err != nil {
		return nil, nil, fmt.Errorf("tidegate: %w", err)
	}
	return http.Header{"Content-Type": {writer.FormDataContentType()}}, buffer.Bytes(), nil
}

// postForm sends a form and decodes the answer.
func postForm[T any, R reply[T]](ctx context.Context, g *Gateway, target string, form M) (R, error) {
	header, body, err := encodeForm(form)
	if err != nil {
		return nil, err
	}
	return ask[T, R](ctx, g, http.MethodPost, target, header, body)
}

func flatten(fields []field, name string, value any) []field {
	if file := asFile(value); file != nil {
		return append(fields, field{name: name, file: file})
	}
	of := reflect.ValueOf(value)
	for of.Kind() == reflect.Pointer && !of.IsNil() {
		of = of.Elem()
	}
	switch of.Kind() {
	case reflect.Invalid, reflect.Pointer:
		return fields
	case reflect.Map:
		keys := of.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		for _, key := range keys {
			member := fmt.Sprint(key)
			if name != "" {
				member = name + "[" + member + "]"
			}
			fields = flatten(fields, member, of.MapIndex(key).Interface())
		}
		return fields
	case reflect.Slice, reflect.Array:
		for i := range of.Len() {
			fields = flatten(fields, name+"[]", of.Index(i).Interface())
		}
		return fields
	default:
		return append(fields, field{name: name, text: fmt.Sprint(of)})
	}
}

func asFile(value any) *File {
	var file File
	switch value := value.(type) {
	case File:
		file = value
	case *File:
		file = *value
	case []byte:
		file.Content = bytes.NewReader(value)
	case io.Reader:
		file.Content = value
		if named, ok := value.(interface{ Name() string }); ok {
			file.Name = filepath.Base(named.Name())
		}
	default:
		return nil
	}
	if file.Name == "" {
		file.Name = "upload"
	}
	if file.ContentType == "" {
		file.ContentType = mime.TypeByExtension(filepath.Ext(file.Name))
	}
	if file.ContentType == "" {
		file.ContentType = "application/octet-stream"
	}
	if file.Content == nil {
		file.Content = bytes.NewReader(nil)
	}
	return &file
}

// quoted writes a name as browsers do in forms.
func quoted(name string) string {
	return strings.NewReplacer(`"`, "%22", "\r", "%0D", "\n", "%0A").Replace(name)
}
