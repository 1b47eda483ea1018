"""The commands, one module a noun. Everything heavy is imported inside the command that needs it."""
