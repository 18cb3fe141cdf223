package backend

// Skipped is the error of a call that was not made because nobody wants it to be
// (skip_next of a script).
type Skipped struct{}

// Error implements error.
func (Skipped) Error() string { return "the backend was not called (skip_next)" }

// Plain says that the text is the whole message.
func (Skipped) Plain() {}
