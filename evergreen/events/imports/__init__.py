"""Records and events from files: a mapping, a dry run, rejected rows to correct, the same file again
changes nothing.

``run.import_file`` loads, ``previews.preview`` looks, ``guessing.guess`` and ``memory`` propose a mapping.
"""
