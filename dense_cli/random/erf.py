"""The error function, which NumPy does not have.

Source: FreeBSD msun s_erf.c (fdlibm), Copyright 1993 Sun Microsystems, Inc.: rational approximations on four
intervals, within one unit in the last place of float64.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]

ERX = 8.45062911510467529297e-01  # erf(1), rounded to float32
# Coefficients, lowest power first, of a numerator and a denominator each.
# |x| < 0.84375: erf(x) = x + x * P(x*x) / Q(x*x)
PP = (
    *(1.28379167095512558561e-01, -3.25042107247001499370e-01, -2.84817495755985104766e-02),
    *(-5.77027029648944159157e-03, -2.37630166566501626084e-05),
)
QQ = (
    *(1.0, 3.97917223959155352819e-01, 6.50222499887672944485e-02, 5.08130628187576562776e-03),
    *(1.32494738004321644526e-04, -3.96022827877536812320e-06),
)
# |x| < 1.25: erf(x) = ERX + P(|x| - 1) / Q(|x| - 1)
PA = (
    *(-2.36211856075265944077e-03, 4.14856118683748331666e-01, -3.72207876035701323847e-01),
    *(3.18346619901161753674e-01, -1.10894694282396677476e-01, 3.54783043256182359371e-02),
    -2.16637559486879084300e-03,
)
QA = (
    *(1.0, 1.06420880400844228286e-01, 5.40397917702171048937e-01, 7.18286544141962662868e-02),
    *(1.26171219808761642112e-01, 1.36370839120290507362e-02, 1.19844998467991074170e-02),
)
# |x| < 1/0.35: erf(x) = 1 - exp(-x*x - 0.5625 + P(1/x**2) / Q(1/x**2)) / x
RA = (
    *(-9.86494403484714822705e-03, -6.93858572707181764372e-01, -1.05586262253232909814e01),
    *(-6.23753324503260060396e01, -1.62396669462573470355e02, -1.84605092906711035994e02),
    *(-8.12874355063065934246e01, -9.81432934416914548592e00),
)
SA = (
    *(1.0, 1.96512716674392571292e01, 1.37657754143519042600e02, 4.34565877475229228821e02),
    *(6.45387271733267880336e02, 4.29008140027567833386e02, 1.08635005541779435134e02),
    *(6.57024977031928170135e00, -6.04244152148580987438e-02),
)
# |x| < 6: the same
RB = (
    *(-9.86494292470009928597e-03, -7.99283237680523006574e-01, -1.77579549177547519889e01),
    *(-1.60636384855821916062e02, -6.37566443368389627722e02, -1.02509513161107724954e03),
    -4.83519191608651397019e02,
)
SB = (
    *(1.0, 3.03380607434824582924e01, 3.25792512996573918826e02, 1.53672958608443695994e03),
    *(3.19985821950859553908e03, 2.55305040643316442583e03, 4.74528541206955367215e02),
    -2.24409524465858183362e01,
)


def _ratio(z: Float64, numerator: tuple[float, ...], denominator: tuple[float, ...]) -> Float64:
    return _polynomial(z, numerator) / _polynomial(z, denominator)


def _polynomial(z: Float64, coefficients: tuple[float, ...]) -> Float64:
    out = np.full_like(z, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        out *= z
        out += coefficient
    return out


def _tail(x: Float64, numerator: tuple[float, ...], denominator: tuple[float, ...]) -> Float64:
    """Return erf of positive numbers by way of 1 - erf."""
    # x*x is made of a short z, whose square is exact, and of the rest
    z = (x.view(np.uint64) & np.uint64(0xFFFFFFFF00000000)).view(np.float64)
    exponent = (z - x) * (z + x) + _ratio(1 / (x * x), numerator, denominator)
    return 1 - np.exp(-z * z - 0.5625) * np.exp(exponent) / x


def erf(x: NDArray[np.floating]) -> Float64:
    """Return the error function of every element, in float64; NaN of NaN.

    >>> erf(np.array([0.0, 0.5, -np.inf])).round(6)
    array([ 0.    ,  0.5205, -1.    ])
    """
    x = np.asarray(x, np.float64)
    size = np.abs(x)
    out = np.where(np.isnan(x), x, 1.0)
    for low, high in ((0.0, 0.84375), (0.84375, 1.25), (1.25, 1 / 0.35), (1 / 0.35, 6.0)):
        inside = (size >= low) & (size < high)
        part = size[inside]
        if high == 0.84375:
            out[inside] = part + part * _ratio(part * part, PP, QQ)
        elif high == 1.25:
            out[inside] = ERX + _ratio(part - 1, PA, QA)
        elif high < 6:
            out[inside] = _tail(part, RA, SA)
        else:
            out[inside] = _tail(part, RB, SB)
    signed: Float64 = np.copysign(out, x)
    return signed
