"""One suite for every engine: what runs on the embedded one runs on the others with equal figures."""
