"""Which device a model runs on and which numbers it computes with. Every choice comes with its reason."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from qianxun.errors import SettingsError
from qianxun.models.in_process.loading import import_torch

# Instructions that multiply bfloat16, by the name in torch's list of capabilities and the name that people use.
_BFLOAT16_INSTRUCTIONS = (
    ("amx_bf16", "AMX"),
    ("avx512_bf16", "AVX-512 BF16"),
    ("sve_bf16", "SVE BF16"),
    ("bf16", "NEON BF16"),
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a model runs and with which numbers. `in_words` has the reasons."""

    device: str
    precision: str
    in_words: str

    @property
    def on_cpu(self) -> bool:
        return self.device.partition(":")[0] == "cpu"


def choose_place(device_setting: str, precision_setting: str) -> Place:
    """What two settings come to on this machine. Raises MissingExtra, SettingsError."""
    device, why_device = choose_device(device_setting)
    precision, why_precision = choose_precision(precision_setting, device)
    return Place(device, precision, f"in process on {device} ({why_device}) in {precision} ({why_precision})")


def choose_device(setting: str) -> tuple[str, str]:
    """The device for a setting ("auto", "cpu", "cuda", "cuda:1", "mps") and the reason.

    Raises SettingsError for a device that is not there.
    """
    torch = import_torch()
    if setting == "auto":
        if torch.cuda.is_available():
            return "cuda", f"a GPU is there: {torch.cuda.get_device_name()}"
        if torch.backends.mps.is_available():
            return "mps", "Apple's GPU is there"
        return "cpu", "no GPU is there"
    kind = setting.partition(":")[0]
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    try:
        device = torch.device(setting)
        usable = there.get(kind, False) and (device.index or 0) < max(1, torch.cuda.device_count())
    except RuntimeError:
        usable = False
    if not usable:
        raise SettingsError(
            "There is no device {device} that a model could run on.",
            remedy="Devices here: {devices}.",
            device=setting,
            devices=", ".join(name for name, is_there in there.items() if is_there),
        )
    return setting, "as set"


def choose_precision(setting: str, device: str) -> tuple[str, str]:
    """The numbers to compute with on a device ("float32", "bfloat16", "float16") and the reason."""
    if setting != "auto":
        return setting, "as set"
    torch = import_torch()
    kind = device.partition(":")[0]
    if kind == "cuda":
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return "bfloat16", "the GPU computes with it"
        return "float16", "the GPU is too old for bfloat16"
    if kind == "mps":
        return "float16", "Apple's GPU is fastest with it"
    instructions = _cpu_instructions()
    for name, called in _BFLOAT16_INSTRUCTIONS:
        if instructions.get(name):
            return "bfloat16", called
    return "float32", "the processor has no instructions for bfloat16"


@cache
def _cpu_instructions() -> Any:
    """torch's own list; it is named so since 2.11, and older ones answer two questions only."""
    cpu = import_torch().cpu
    if hasattr(cpu, "get_capabilities"):
        return cpu.get_capabilities()
    asked = {"amx_bf16": "_is_amx_tile_supported", "avx512_bf16": "_is_avx512_bf16_supported"}
    return {name: getattr(cpu, question)() for name, question in asked.items() if hasattr(cpu, question)}
