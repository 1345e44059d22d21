"""`python -m hopchain_assets` is `hopchain`."""

from hopchain_assets.cli import main

if __name__ == "__main__":
    main()
