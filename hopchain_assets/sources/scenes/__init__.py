"""Pictures with known truth: a plan of objects, their drawing, and the COCO file about them."""

from hopchain_assets.sources.scenes.catalogue import CATEGORIES
from hopchain_assets.sources.scenes.dataset import render_scenes
from hopchain_assets.sources.scenes.model import Scene, SceneObject
from hopchain_assets.sources.scenes.plan import plan_scene
from hopchain_assets.sources.scenes.render import render

__all__ = ["CATEGORIES", "Scene", "SceneObject", "plan_scene", "render", "render_scenes"]
