"""The degradations of the published experiments, by name."""

import math
from dataclasses import replace

from geoloupe.degradations.blur import Anisotropic, AnySensor, Box, Isotropic, Matlab, SensorMTF
from geoloupe.degradations.degradation import Degradation
from geoloupe.degradations.noise import GaussianNoise
from geoloupe.imagery.sensors.table import load_sensor

BI = Degradation(
    name="bi",
    about="MATLAB's antialiased bicubic; HSENet, TSFNet and SSPSR are trained and tested on it",
)
BD = Degradation(
    name="bd",
    about="a Gaussian of sigma 1.6, then the middle of each block",
    blurs=(Isotropic(sigma=(1.6, 1.6)),),
    border="repeat",
    samplings=("strided",),
)
DN = Degradation(
    name="dn",
    about="MATLAB's bicubic, then Gaussian noise of strength 30 in 255",
    noises=(GaussianNoise(std=(30.0, 30.0)),),
    clip=True,
)
# What a camera and an archive do to images that `bi` would make, for tables of how models bear it.
NOISE = Degradation(
    name="noise",
    about="MATLAB's bicubic, then Gaussian noise of strength 5 in 255",
    noises=(GaussianNoise(std=(5.0, 5.0)),),
    clip=True,
)
JPEG = Degradation(
    name="jpeg",
    about="MATLAB's bicubic, then JPEG at quality 75",
    jpeg=(75, 75),
)


def _sensor(name: str, sensor: str, *gains: float) -> Degradation:
    return Degradation(
        name=name,
        about=f"a Gaussian that passes as much contrast at Nyquist as {sensor} (Wald's protocol)",
        blurs=(SensorMTF(gains=gains),),
        samplings=("strided",),
    )


def _gains(sensor: str) -> tuple[float, ...]:
    return tuple(band.mtf for band in load_sensor(sensor).multispectral)


# In the sensor's order of bands, whatever the image calls them; by name: per_sensor.py.
MTF = _sensor("mtf", "most sensors", 0.29)
MTF_QUICKBIRD = _sensor("mtf-quickbird", "QuickBird's bands", *_gains("quickbird"))
MTF_WORLDVIEW_2 = _sensor("mtf-worldview-2", "WorldView-2's bands", *_gains("worldview-2"))
MTF_WORLDVIEW_3 = _sensor("mtf-worldview-3", "WorldView-3's bands", *_gains("worldview-3"))

BOX = Degradation(
    name="box",
    about="the mean of each block, as an ideal detector sees it",
    blurs=(Box(),),
    samplings=("strided",),
)
SENSORS = Degradation(
    name="sensors",
    about="any sensor: mostly a Gaussian of MTF 0.12 to 0.45, at times MATLAB's bicubic or a box, "
    "noise up to 2 in 255; for networks that take the MTF",
    # MATLAB's bicubic passes 0.49. A Gaussian of as much needs far more sharpening, and a network
    # given 0.49 cannot tell them apart: so it stands for bicubic alone, the more frequent one.
    blurs=(AnySensor(mtf=(0.12, 0.45), spread=0.04), Matlab(), Box()),
    chances=(0.72, 0.16, 0.12),
    samplings=("strided",),
    noises=(GaussianNoise(std=(0.0, 2.0), chance=0.8),),
)
SENSORS_JPEG = replace(
    SENSORS,
    name="sensors-jpeg",
    about="as sensors, then for a quarter of the images JPEG at quality 60 to 95",
    jpeg=(60, 95),
    jpeg_chance=0.25,
)

_OVAL = Anisotropic(
    variances=((10.0, 10.0), (2.0, 2.0)), angle=(0.0, 0.0), sizes=(13,), shifted=True
)
MULSR_TEST = Degradation(
    name="mulsr-test",
    about="MulSR's test: a fixed off-centre oval, PyTorch's bicubic, noise 3 in 255 as in its code",
    blurs=(_OVAL,),
    samplings=("bicubic-torch",),
    noises=(GaussianNoise(std=(3.0, 3.0)),),
    clip=True,
)
MULSR_TEST_PAPER = Degradation(
    name="mulsr-test-paper",
    about="as mulsr-test, with the noise that its text states: variance 0.001",
    blurs=(_OVAL,),
    samplings=("bicubic-torch",),
    noises=(GaussianNoise(std=(255 * math.sqrt(0.001),) * 2),),
    clip=True,
)
_SIZES = (7, 9, 13, 15, 21)
MULSR_TRAIN = Degradation(
    name="mulsr-train",
    about="MulSR's training: a random Gaussian blur, a random sampling, noise 1 to 4 in 255",
    blurs=(
        Isotropic(sigma=(0.2, None), sizes=_SIZES),
        Anisotropic(variances=((0.2, None), (0.2, None)), sizes=_SIZES),
    ),
    samplings=("bicubic-torch", "bilinear", "strided"),
    noises=(GaussianNoise(std=(1.0, 4.0), chance=0.8),),
    clip=True,
)
