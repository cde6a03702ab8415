"""The command line `research-kb`: talks to any server over HTTP, and starts and ends the embedded stack."""
