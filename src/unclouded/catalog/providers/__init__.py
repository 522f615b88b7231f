"""One file a provider: `open_provider(context) -> Provider`. The folder is the registry."""
