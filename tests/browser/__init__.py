"""The module's pages in real Chromium."""
