"""`python -m bridge.infrafabric.sandbox`."""

import argparse
import sys

from bridge.infrafabric.sandbox import main

parser = argparse.ArgumentParser(prog="sandbox", description="A stand-in InfraFabric.")
main.add_arguments(parser)
sys.exit(main.run(main.options_from(parser.parse_args())))
