"""Forms: what a person may send, cleaned, with words on what is wrong."""
