"""Two outputs side by side in NumPy, a block of mapped files at a time, as one writes it.

Changed classes, the largest and the mean difference, KL and Jensen-Shannon divergence, total variation, and
how many of the likeliest five are in both.
"""

import numpy as np

a, b = (np.load(file, mmap_mode="r") for file in ("a.npy", "b.npy"))
flips = beyond = 0
most = total = kl = js = variation = overlap = 0.0
for i in range(0, len(a), 4096):
    p, q = (x[i : i + 4096].astype(np.float64) for x in (a, b))
    difference = np.abs(p - q)
    most = max(most, difference.max())
    total += difference.sum()
    beyond += np.count_nonzero(difference > 1e-5 + 1e-5 * np.abs(q))
    flips += np.count_nonzero(p.argmax(axis=1) != q.argmax(axis=1))
    log_p, log_q, log_m = np.log(p), np.log(q), np.log((p + q) / 2)
    kl += (p * (log_p - log_q)).sum()
    js += (p * (log_p - log_m) + q * (log_q - log_m)).sum() / 2
    variation += difference.sum() / 2
    top_p, top_q = (np.argpartition(x, -5, axis=1)[:, -5:] for x in (p, q))
    overlap += np.count_nonzero(top_p[:, :, None] == top_q[:, None, :]) / 5
rows = len(a)
print(flips, beyond, most, total / a.size, kl / rows, js / rows, variation / rows, overlap / rows)
