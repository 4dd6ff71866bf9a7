"""`python -m qianxun` is `qianxun`."""

from qianxun.cli.main import main

raise SystemExit(main())
