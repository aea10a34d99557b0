"""The files of a workspace: settings, keys, stores, templates, drafts, releases."""
