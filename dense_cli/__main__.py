"""``python -m dense_cli`` does what ``densecli`` does."""

from dense_cli.cli.main import main

main()
