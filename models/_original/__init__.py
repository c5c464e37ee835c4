"""The four models of ImageFromAudio, the project in which this one has its origin, as published.

Networks, losses and their scales are that project's. What differs, in all four:

- Partners: as every model here they get a fresh partner of the digit at every draw, and augmented
  sounds; there, pairs were fixed (`--pairing one-to-one`) and sounds were not augmented.
- Sounds: a log-mel picture resized to 28 x 28; there, a plot of a spectrogram.
- Updates: each phase draws a batch of its own.
- Samples: drawn with running statistics, in [0, 1].
"""
