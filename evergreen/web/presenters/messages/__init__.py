"""Messages, their templates and channels as pages show them."""
