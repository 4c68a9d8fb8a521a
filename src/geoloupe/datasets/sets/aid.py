"""AID: 30 classes of aerial pictures, 8 to 0.5 m, RGB."""

from geoloupe.datasets.scenes import DataCard
from geoloupe.datasets.sets.class_folders import ClassFolders
from geoloupe.datasets.splits import Archived, Shares

_CLASSES = """airport 360 bareland 310 baseballfield 220 beach 400 bridge 360 center 260 church 240
commercial 350 denseresidential 410 desert 300 farmland 370 forest 250 industrial 390 meadow 280
mediumresidential 290 mountain 340 park 350 parking 390 playground 370 pond 420 port 380
railwaystation 260 resort 290 river 410 school 300 sparseresidential 300 square 330 stadium 290
storagetanks 360 viaduct 420"""

AID = ClassFolders(
    card=DataCard(
        name="aid",
        about="AID: 10000 aerial pictures of 600 x 600 in 30 classes",
        source="https://captain-whu.github.io/AID/",
        terms="free for research; Google Earth imagery; cite the paper",
        cite="Xia et al., AID, IEEE TGRS 2017",
        layout="Airport/airport_1.jpg and so on, or train/, val/ and test/ of such pictures",
        rules={
            "funsr": Shares(train=0.77, val=0.03, test=0.2),
            "archive": Archived(),
        },
    ),
    classes={
        name: int(count)
        for name, count in zip(_CLASSES.split()[::2], _CLASSES.split()[1::2], strict=True)
    },
    suffixes=(".jpg", ".png", ".tif"),
    sides=(600, 600),
)
