"""The models in service: learned anew by schedule, held against the one before, asked every night."""
