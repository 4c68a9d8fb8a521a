"""NWPU-RESISC45: 45 classes of 700 aerial pictures, 30 to 0.2 m, RGB."""

from geoloupe.datasets.scenes import DataCard
from geoloupe.datasets.sets.class_folders import ClassFolders
from geoloupe.datasets.splits import Archived, PerClass, Shares

_CLASSES = """airplane airport baseball_diamond basketball_court beach bridge chaparral church
circular_farmland cloud commercial_area dense_residential desert forest freeway golf_course
ground_track_field harbor industrial_area intersection island lake meadow medium_residential
mobile_home_park mountain overpass palace parking_lot railway railway_station rectangular_farmland
river roundabout runway sea_ice ship snowberg sparse_residential stadium storage_tank tennis_court
terrace thermal_power_station wetland"""

_SHA256 = "beeecd0b63656290ae6d65cf7763185b0c1c4c54a753ef8088d6fba3faaf1f53"

NWPU = ClassFolders(
    card=DataCard(
        name="nwpu",
        about="NWPU-RESISC45: 31500 aerial pictures of 256 x 256 in 45 classes",
        source="https://gcheng-nwpu.github.io/#Datasets",
        terms="free for research; Google Earth imagery; cite the paper",
        cite="Cheng, Han and Lu, Remote Sensing Image Scene Classification, Proc. IEEE 2017",
        layout="airplane/airplane_001.jpg and so on, or train/, val/ and test/ of such pictures",
        rules={
            "tsfnet": PerClass(train=45, val=5, test=50),
            "shares": Shares(train=0.8, val=0.1, test=0.1),
            "archive": Archived(),
        },
        sha256={"NWPU-RESISC45.zip": _SHA256},
    ),
    classes=dict.fromkeys(_CLASSES.split(), 700),
    suffixes=(".jpg", ".png", ".tif"),
    sides=(256, 256),
)
