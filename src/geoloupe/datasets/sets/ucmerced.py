"""UC Merced Land Use: 21 classes of 100 aerial pictures, 30 cm, RGB."""

from geoloupe.datasets.scenes import DataCard
from geoloupe.datasets.sets.class_folders import ClassFolders
from geoloupe.datasets.splits import Archived, PerClass, Shares

_CLASSES = """agricultural airplane baseballdiamond beach buildings chaparral denseresidential
forest freeway golfcourse harbor intersection mediumresidential mobilehomepark overpass parkinglot
river runway sparseresidential storagetanks tenniscourt"""

_SHA256 = "06c539ef28703a58fb07bd2837991ac7c48b813b00bb12ac197efd813a18daeb"

UCMERCED = ClassFolders(
    card=DataCard(
        name="ucmerced",
        about="UC Merced Land Use: 2100 aerial pictures of 256 x 256, 44 of them a little smaller",
        source="http://weegee.vision.ucmerced.edu/datasets/landuse.html",
        terms="public domain imagery (USGS); cite the paper",
        cite="Yang and Newsam, Bag-of-visual-words and spatial extensions, ACM GIS 2010",
        layout="Images/beach/beach07.tif and so on, or train/, val/ and test/ of such pictures",
        rules={
            "hsenet": PerClass(train=45, val=5, test=50),
            "funsr": Shares(train=0.6, val=0.2, test=0.2),
            "archive": Archived(),
        },
        sha256={"UCMerced_LandUse.zip": _SHA256},
    ),
    classes=dict.fromkeys(_CLASSES.split(), 100),
    suffixes=(".tif", ".webp", ".png"),
    sides=(200, 257),
)
