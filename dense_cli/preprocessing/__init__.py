"""Where older code imports sequences' padding from: ``keras.preprocessing``."""

from dense_cli.preprocessing import sequence as sequence
