"""A saved model in Keras: ``keras_model.py OUT``, backend by KERAS_BACKEND."""

import sys

import keras
import numpy as np

model = keras.models.load_model("model.keras")
np.save(sys.argv[1], model.predict(np.load("x.npy"), batch_size=256, verbose=0))
