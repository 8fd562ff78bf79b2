"""Which settings go together: each check raises a ValueError that names the key."""

from typing import TYPE_CHECKING

from .joint_checks import JOINT_CHECKS
from .losses import Differences
from .models import StylePrior
from .optimisers import Phases

if TYPE_CHECKING:
    from .schema import Settings


def labels_and_codes_fit_together(settings: "Settings") -> None:
    if settings.label_seeds is not None and len(settings.label_seeds) != len(settings.seeds):
        raise ValueError("label_seeds must be as many as seeds")
    if len(set(settings.runs)) != len(settings.seeds):
        raise ValueError("seeds must differ")
    if settings.label_dim == 1:
        raise ValueError("label_dim must be 2 or more, or 0: one class tells nothing")
    if settings.style_prior.kind != "gaussian" and settings.style_dim != 2:
        raise ValueError(f"style_dim must be 2 with the {settings.style_prior.kind} prior")
    if settings.posterior == "universal" and settings.posterior_noise_dim == 0:
        raise ValueError("posterior_noise_dim must be positive with the universal posterior")
    if settings.phases.classification and not (settings.label_dim and settings.labels):
        raise ValueError("classification needs label_dim and labels")
    if settings.label_at != "encoder" and (settings.phases.classification or not settings.labels):
        raise ValueError(f"label_at: {settings.label_at} needs labels, and no classification")
    if settings.label_at == "decoder" and settings.labels != "all":
        raise ValueError("label_at: decoder needs the labels of all images")
    if settings.label_at == "discriminator" and settings.style_prior.kind == "gaussian":
        raise ValueError("label_at: discriminator needs a prior with a part for each class")
    if bool(settings.cluster_head_distance) != bool(settings.phases.head_distance):
        raise ValueError("cluster_head_distance and phases.head_distance go together")
    if settings.cluster_head_distance and not settings.infers_label:
        raise ValueError("cluster_head_distance needs label_dim, and label_at: encoder")
    if settings.cluster_head_distance and not settings.phases.reconstruction:
        raise ValueError("cluster_head_distance needs phases.reconstruction")
    if settings.label_logit_std and not settings.infers_label:
        raise ValueError("label_logit_std needs label_dim, and label_at: encoder")
    if settings.phases.variational and settings.output == "linear":
        raise ValueError("variational needs output: sigmoid, whose likelihood is Bernoulli")
    if settings.signed_pixels and (settings.standardise or settings.output == "sigmoid"):
        raise ValueError("signed_pixels needs output: linear, and no standardise")


def autoencoders_fit_together(settings: "Settings") -> None:
    phases, deterministic = settings.phases, settings.posterior == "deterministic"
    if settings.penalty and not (phases.reconstruction and settings.label_at == "encoder"):
        raise ValueError("penalty needs phases.reconstruction, and label_at: encoder")
    if settings.code_activation != "linear" and not (deterministic and not phases.generator):
        raise ValueError("code_activation needs a deterministic posterior, and no generator")
    if (
        settings.penalty
        and settings.penalty.kind == "code_kl"
        and settings.code_activation != "sigmoid"
    ):
        raise ValueError("penalty.kind code_kl needs code_activation: sigmoid")
    if settings.penalty and settings.differences.mean_error:
        raise ValueError("penalty is added to the summed error: leave differences.mean_error out")
    if settings.standardise and (settings.input_masking or settings.input_salt_and_pepper):
        raise ValueError("input_masking and input_salt_and_pepper need pixels in [0, 1]")
    if not settings.layerwise_epochs:
        return
    others = phases.model_copy(update={"reconstruction": None}) != Phases()
    if not phases.reconstruction or others or settings.label_dim or not deterministic:
        raise ValueError("layerwise_epochs needs the phase reconstruction alone, and no label")
    if settings.batch_norm != "none":
        raise ValueError("layerwise_epochs needs batch_norm: none")
    if settings.epochs <= (len(settings.hidden_sizes) + 1) * settings.layerwise_epochs:
        raise ValueError("layerwise_epochs of all layers leave no epochs for the whole")


def differences_have_their_phases(settings: "Settings") -> None:
    differences, phases = settings.differences, settings.phases
    if differences.mean_error and not phases.reconstruction:
        raise ValueError("differences.mean_error needs phases.reconstruction")
    for name in ("discriminator_noise_std", "saturating", "fresh_codes", "unmatched"):
        if getattr(differences, name) and not phases.discriminator:
            raise ValueError(f"differences.{name} needs phases.discriminator and generator")
    if differences.unmatched and not (settings.style_dim and settings.infers_label):
        raise ValueError("differences.unmatched leaves out one of two codes: style and label")
    if differences.labelled_epochs and not settings.labels:
        raise ValueError("differences.labelled_epochs needs labels")
    parts = ("reconstruction", "discriminator", "generator", "classification")
    others = phases.model_copy(update=dict.fromkeys(parts)) != Phases()
    if differences.joint and (others or not all(getattr(phases, name) for name in parts)):
        needed = "reconstruction, generator and classification, and no other"
        raise ValueError(f"differences.joint needs the phases {needed}")


def application_has_its_parts(settings: "Settings") -> None:
    if settings.application is None:
        return
    kind, phases = settings.application.kind, settings.phases
    if not (settings.style_dim and (phases.reconstruction or phases.variational)):
        raise ValueError("application needs style_dim, and a phase that trains a decoder")
    if kind == "augmentation":
        if not phases.classification or settings.labels == "all":
            raise ValueError("augmentation needs phases.classification, and a number of labels")
    elif settings.label_dim:
        raise ValueError(f"{kind} needs label_dim: 0")
    if kind == "anomaly":
        if settings.held_out_class is None or not phases.discriminator:
            raise ValueError("anomaly needs held_out_class, and phases.discriminator")
        if settings.style_prior.kind == "swiss_roll":
            raise ValueError("anomaly needs a prior with a density, not swiss_roll")


def bandwidth_images_are_held_out(settings: "Settings") -> None:
    images = settings.parzen and settings.parzen.bandwidth_images
    if images and images > settings.validation_images:
        raise ValueError(
            f"parzen.bandwidth_images: {images} are more than validation_images:"
            f" {settings.validation_images}"
        )


def alae_has_networks_of_its_own(settings: "Settings") -> None:
    if settings.alae is None:
        return
    if settings.style_dim == 0:
        raise ValueError("alae needs a style_dim, that of its latent codes, above 0")
    needed = {"labels": 0, "label_dim": 0, "posterior": "deterministic", "batch_norm": "none"}
    needed |= {"input_noise_std": 0.0, "input_dropout": 0.0, "style_prior": StylePrior()}
    needed |= {"input_masking": 0.0, "input_salt_and_pepper": 0.0, "layerwise_epochs": 0}
    needed |= {"differences": Differences(), "init_std": "he", "output": "linear"}
    needed |= {"code_activation": "linear", "penalty": None, "discriminator_hidden_sizes": None}
    for name, value in needed.items():
        if getattr(settings, name) != value:
            shown = value if isinstance(value, str | int | float) else "the default"
            raise ValueError(f"alae needs {name}: {shown}")
    phases = settings.phases
    if phases.generator and phases.reconstruction:
        raise ValueError("alae reconstructs latent codes: leave phases.reconstruction out")
    if settings.alae.absolute_error and not phases.reconstruction:
        raise ValueError("alae.absolute_error needs phases.reconstruction")
    if settings.alae.max_update_norm and not phases.generator:
        raise ValueError("alae.max_update_norm needs phases.discriminator and generator")


def decoders_have_their_codes(settings: "Settings") -> None:
    if settings.has_decoder and not settings.style_dim:
        raise ValueError("style_dim must be above 0 where a reconstruction is trained")
    if settings.phases.variational and settings.posterior != "gaussian":
        raise ValueError("variational needs posterior: gaussian")


def parts_have_what_they_read(settings: "Settings") -> None:
    """Else a value means nothing, or training breaks where nobody sees why."""
    posterior, application = settings.posterior, settings.application
    if posterior != "deterministic" and not settings.style_dim:
        raise ValueError(f"posterior: {posterior} needs style_dim")
    if settings.posterior_noise_dim and posterior != "universal":
        raise ValueError("posterior_noise_dim needs posterior: universal")
    if settings.code_activation != "linear" and not settings.style_dim:
        raise ValueError("code_activation needs style_dim")
    if settings.use_extra and settings.data != "svhn":
        raise ValueError("use_extra needs data: svhn")
    if settings.standardise and settings.output == "sigmoid" and settings.has_decoder:
        raise ValueError("standardise needs output: linear where a reconstruction is trained")
    images = application and application.generated_images
    if images and images % settings.label_dim:
        key = f"application.generated_images: {images}"
        raise ValueError(f"{key} must be a multiple of label_dim, {settings.label_dim}")


CHECKS = (
    labels_and_codes_fit_together,
    autoencoders_fit_together,
    differences_have_their_phases,
    application_has_its_parts,
    bandwidth_images_are_held_out,
    alae_has_networks_of_its_own,
    *JOINT_CHECKS,
    decoders_have_their_codes,
    parts_have_what_they_read,
)
