"""What becomes of an instance that is saved, moved, or sent to another process."""

import pickle

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from seisbench_lcl.testing import _fresh_process
from seisbench_lcl.testing._check import check
from seisbench_lcl.testing._closeness import agree, finite
from seisbench_lcl.testing._subject import Failed, Instance, Skipped, Subject

LONGEST_IMPORT = 2.0
"""How many seconds a module may take to import, after seisbench_lcl."""


@check("saved state")
def saved_state(subject: Subject) -> None:
    """Keep what is learnt in buffers and parameters, of the same shapes before and after the fit.

    Weights are saved as safetensors, which holds tensors alone: nothing that comes from a stranger is ever unpickled.
    Register what is learnt with `register_buffer` in the constructor, filled with NaN, and fill it in `_fit` with
    ``copy_``, all of it with finite values. What config does not tell must be in there.
    """
    for name, module in subject.fitted.named_modules():
        if type(module).get_extra_state is not nn.Module.get_extra_state:
            raise Failed(
                f"{name or type(module).__name__} has get_extra_state, which needs pickle: use buffers instead"
            )
    try:
        new = subject.build(subject.fitted.config())
    except Exception as error:
        raise Skipped(f"its config does not make it again ({type(error).__name__}: {error})") from error
    state = subject.fitted.state_dict()
    before, after = _shapes(new.state_dict()), _shapes(state)
    if before != after:
        changed = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
        described = "; ".join(f"{key} from {before.get(key, 'none')} to {after.get(key, 'none')}" for key in changed)
        raise Failed(
            f"the fit changed the state: {described}; register every buffer in the constructor, of a shape that "
            "follows from the arguments"
        )
    holes = [key for key, tensor in state.items() if tensor.is_floating_point() and not torch.isfinite(tensor).all()]
    if holes:
        raise Failed(
            f"after the fit, {', '.join(holes)} holds NaN or infinite values, which weights may not: what has no value "
            "gets one that is never used, such as 0"
        )
    content = save({key: tensor.detach().cpu().contiguous() for key, tensor in state.items()})
    new.load_state_dict(load(content))
    new.eval()
    mend = "keep all that is learnt in buffers and parameters"
    try:
        found = subject.answer(new, subject.trial().inputs)
    except Exception as error:
        raise Failed(f"after saving and loading, forward ends with {type(error).__name__}: {error}; {mend}") from error
    agree(found, subject.answers, f"after saving and loading, the output is another: {mend}")


def _shapes(state: dict[str, Tensor]) -> dict[str, str]:
    return {key: f"{tensor.dtype} {tuple(tensor.shape)}" for key, tensor in state.items()}


def accelerator() -> torch.device | None:
    """Return the device that results are compared with those of the processor; None where there is none."""
    return torch.device("cuda") if torch.cuda.is_available() else None


@check("GPU")
def gpu(subject: Subject) -> None:
    """Give the same output on a graphics card, within what its rounding allows, and learn there.

    A model moves to a device with ``model.to(device)``, which moves buffers and parameters alone: make every other
    tensor on the device of the input.
    """
    device = accelerator()
    if device is None:
        raise Skipped("there is no GPU")
    inputs = subject.trial().inputs
    moved = subject.learn(subject.make(), subject.trial())
    moved.to(device)
    with torch.no_grad():
        found = moved(inputs.clone().to(device))
    if found.device.type != device.type:
        raise Failed(f"the output for inputs on {device} is on {found.device}, but must be where the input is")
    agree(
        found,
        subject.answers,
        f"the output on {device} differs from that on the processor",
        relative=1e-2,
        of_spread=1e-2,
    )
    trial = subject.trial()
    there: Instance = subject.make().to(device)
    # Labels and events come from the caller, and stay where they are.
    there.fit(trial.inputs.clone().to(device), trial.labels.clone() if there.supervised else None, trial.groups.clone())
    with torch.no_grad():
        finite(there(inputs.clone().to(device)), f"forward after a fit on {device}")


@check("another process")
def another_process(subject: Subject) -> None:
    """Survive pickling, and give the same output in a process that has just begun.

    So work on an archive is spread over Dask workers. Keep no lambda, open file, lock or thread as an attribute; and
    let the class be found by the name of its module: not in ``__main__``, nor inside of a function.
    """
    try:
        pickled = pickle.dumps(subject.fitted)
    except Exception as error:
        raise Failed(
            f"it cannot be pickled ({type(error).__name__}: {error}): keep no lambda, open file or lock as an "
            "attribute, and define the class at the top of a module"
        ) from error
    found = _fresh_process.answer(pickled, subject.trial().inputs.numpy())
    agree(torch.from_numpy(found), subject.answers, "in a process that has just begun, the output is another")


@check("import", needs_fit=False)
def imports(subject: Subject) -> None:
    """Import without the network, and in less than two seconds after seisbench_lcl.

    Every command imports the installed plugins, on compute nodes without a connection too. Download nothing at import;
    import what is slow inside of the function that needs it.
    """
    module = subject.cls.__module__
    if module == "__main__":
        raise Skipped("it is defined in __main__, which nothing imports")
    seconds, network = _fresh_process.import_alone(module)
    if network:
        raise Failed(
            f"importing {module} uses the network: {', '.join(network)}; do so when it is asked for, not before"
        )
    if seconds > LONGEST_IMPORT:  # the machine may have been busy
        seconds = min(seconds, _fresh_process.import_alone(module)[0])
    if seconds > LONGEST_IMPORT:
        raise Failed(
            f"importing {module} takes {seconds:.1f} s, but may take {LONGEST_IMPORT:g} s: import what is slow inside "
            "of the function that needs it"
        )
