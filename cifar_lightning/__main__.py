"""`python -m cifar_lightning` is the command `cifar-lightning`."""

import sys

from cifar_lightning.cli.main import main

sys.exit(main())
