"""The pure middle: words, rules and ports of the bridge. Nothing here does I/O."""
