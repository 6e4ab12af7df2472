"""The numbers of each recipe."""

from dataclasses import dataclass


@dataclass(frozen=True)
class CachedFeaturesRecipe:
    """How to train. `views` counts the augmented variations of each picture, besides itself."""

    name: str = "fast"
    epochs: int = 4
    fewest_samples: int = 4000
    most_epochs: int = 40
    """A fit takes `epochs`, or as many as draw `fewest_samples` pictures, of few pictures at most `most_epochs`."""
    views: int = 4
    batch_size: int = 16
    body_lr: float = 1e-3
    head_lr: float = 3e-3
    dropout: float = 0.3
    label_smoothing: float = 0.1
    weight_decay: float = 0.05
    frozen_part: float = 0.6
    regmixup: float = 0.0
    """The alpha of RegMixup; 0 leaves it out."""

    hard_others: bool = False
    """Whether the pictures of `_other` that look most like a character are drawn most often."""

    test_scale: float = 1.0
    """How much larger than in training the squares are that the model is asked about: augmented views show things larger
    (Touvron et al. 2019, arXiv 1906.06423)."""

    second_fit: float = 0.0
    """A second fit of the same pictures, without RegMixup, so much of the first one's epochs long; the weights of both are
    averaged, by their lengths (Wortsman et al. 2022, "Model soups", arXiv 2203.05482)."""

    outlier_share: float = 0.2
    """How much of the loss is about which character of `_other` it is; 0 leaves them one class."""

    seed: int = 42


@dataclass(frozen=True)
class FinetuneRecipe:
    """fine_tune's numbers (Howard and Gugger 2020), and when to stop."""

    name: str = "finetune"
    epochs: int = 8
    freeze_epochs: int = 3
    batch_size: int = 32
    dropout: float = 0.3
    weight_decay: float = 0.05
    patience: int = 3
    watched_pct: float = 0.1
    """How much of what is trained on is kept back to know when to stop, in whole groups."""

    seed: int = 42


FAST = CachedFeaturesRecipe()
THOROUGH = CachedFeaturesRecipe(
    name="thorough",
    epochs=8,
    second_fit=0.5,
    frozen_part=0.45,
    views=8,
    body_lr=5e-4,
    label_smoothing=0.0,
    regmixup=10.0,
    hard_others=True,
    test_scale=8 / 7,
)
Recipe = CachedFeaturesRecipe | FinetuneRecipe
RECIPES: dict[str, Recipe] = {recipe.name: recipe for recipe in (FAST, THOROUGH, FinetuneRecipe())}
