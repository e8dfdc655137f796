"""Checks of an instance that is saved, moved to a GPU, or sent to another process."""

import pickle

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from seisbench_lcl.testing import _fresh_process
from seisbench_lcl.testing._check import check
from seisbench_lcl.testing._closeness import agree, finite
from seisbench_lcl.testing._subject import AnySubject, Failed, Instance, Skipped, Subject

LONGEST_IMPORT = 2.0
"""Longest allowed import of a module after seisbench_lcl, in seconds."""


@check("saved state")
def saved_state(subject: Subject) -> None:
    """Keep all learnt state in buffers and parameters whose shapes the fit does not change.

    Weights are saved as safetensors, which holds only tensors, because pickles from others are not safe. Register
    buffers filled with NaN in the constructor with `register_buffer`, and fill them in `_fit` with finite values by
    ``copy_``. Together with `config`, they must hold everything that `forward` needs.
    """
    for name, module in subject.fitted.named_modules():
        if type(module).get_extra_state is not nn.Module.get_extra_state:
            raise Failed(
                f"{name or type(module).__name__} has get_extra_state, which needs pickle: use buffers instead"
            )
    try:
        new = subject.build(subject.fitted.config())
    except Exception as error:
        raise Skipped(f"its config does not recreate it ({type(error).__name__}: {error})") from error
    state = subject.fitted.state_dict()
    before, after = _shapes(new.state_dict()), _shapes(state)
    if before != after:
        changed = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
        described = "; ".join(f"{key} from {before.get(key, 'none')} to {after.get(key, 'none')}" for key in changed)
        raise Failed(
            f"the fit changed the state: {described}; register every buffer in the constructor, with a shape derived "
            "from the arguments"
        )
    holes = [key for key, tensor in state.items() if tensor.is_floating_point() and not torch.isfinite(tensor).all()]
    if holes:
        raise Failed(
            f"after the fit, {', '.join(holes)} has NaN or infinite values, which weights must not contain: fill "
            "unused elements with 0"
        )
    content = save({key: tensor.detach().cpu().contiguous() for key, tensor in state.items()})
    new.load_state_dict(load(content))
    new.eval()
    fix = "keep all learnt state in buffers and parameters"
    try:
        found = subject.answer(new, subject.trial().inputs)
    except Exception as error:
        raise Failed(f"after saving and loading, forward raises {type(error).__name__}: {error}; {fix}") from error
    agree(found, subject.answers, f"the output changes after saving and loading: {fix}")


def _shapes(state: dict[str, Tensor]) -> dict[str, str]:
    return {key: f"{tensor.dtype} {tuple(tensor.shape)}" for key, tensor in state.items()}


def accelerator() -> torch.device | None:
    """Return the GPU to compare with the processor; None without one."""
    return torch.device("cuda") if torch.cuda.is_available() else None


@check("GPU")
def gpu(subject: Subject) -> None:
    """Return the same output on a GPU up to rounding, and learn there.

    ``model.to(device)`` moves only buffers and parameters to a device: create all other tensors on the device of the
    input.
    """
    device = accelerator()
    if device is None:
        raise Skipped("no GPU is available")
    inputs = subject.trial().inputs
    moved = subject.learn(subject.make(), subject.trial())
    moved.to(device)
    with torch.no_grad():
        found = moved(inputs.clone().to(device))
    if found.device.type != device.type:
        raise Failed(f"the output for inputs on {device} is on {found.device}, but must be on the device of the input")
    agree(
        found,
        subject.answers,
        f"the output on {device} differs from the output on the processor",
        relative=1e-2,
        of_spread=1e-2,
    )
    trial = subject.trial()
    there: Instance = subject.make().to(device)
    # Labels and groups stay on the processor, as in a model.
    there.fit(trial.inputs.clone().to(device), trial.labels.clone() if there.supervised else None, trial.groups.clone())
    with torch.no_grad():
        finite(there(inputs.clone().to(device)), f"forward after a fit on {device}")


@check("another process")
def another_process(subject: Subject) -> None:
    """Survive pickling, and return the same output in a new process.

    Dask sends models to its workers as pickles. Do not keep a lambda, open file, lock or thread as an attribute, and
    define the class at the top of a module, not in ``__main__`` or inside a function.
    """
    try:
        pickled = pickle.dumps(subject.fitted)
    except Exception as error:
        raise Failed(
            f"it cannot be pickled ({type(error).__name__}: {error}): do not keep a lambda, open file or lock as an "
            "attribute, and define the class at the top of a module"
        ) from error
    found = _fresh_process.answer(pickled, subject.trial().inputs.numpy())
    agree(torch.from_numpy(found), subject.answers, "the output changes in a new process")


@check("import", "extractor", "head", "model", needs_fit=False)
def imports(subject: AnySubject) -> None:
    """Import without network access, and within two seconds after seisbench_lcl.

    Every command imports the installed plugins, also on compute nodes without a network. Do not download anything at
    import, and import slow modules inside the function that needs them.
    """
    module = subject.cls.__module__
    if module == "__main__":
        raise Skipped("it is defined in __main__, which cannot be imported")
    seconds, network = _fresh_process.import_alone(module)
    if network:
        raise Failed(f"importing {module} uses the network: {', '.join(network)}; use it only when it is needed")
    if seconds > LONGEST_IMPORT:  # the machine may have been busy
        seconds = min(seconds, _fresh_process.import_alone(module)[0])
    if seconds > LONGEST_IMPORT:
        raise Failed(
            f"importing {module} takes {seconds:.1f} s, but at most {LONGEST_IMPORT:g} s are allowed: import slow "
            "modules inside the function that needs them"
        )
