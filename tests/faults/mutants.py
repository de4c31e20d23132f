"""Part 3 with one thing left out that keeps data safe, and the test that tells: a row is a small edit of its text."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .ddd import PART3


@dataclass(frozen=True)
class Fault:
    """A part 3 in which old has become new, in the plugin or in gunicorn's file, and the test that fails by it."""

    name: str
    test: str
    old: str
    new: str
    file: str = "plugin.py"

    def write(self, folder: Path) -> Path:
        """Write the spoilt part 3 into a folder; return its plugin. Raises ValueError when old is not there once."""
        for name in ("plugin.py", "gunicorn.conf.py"):
            text = (PART3 / name).read_text()
            if name == self.file:
                if text.count(self.old) != 1:
                    raise ValueError(
                        f"{self.name}: {name} has the old text {text.count(self.old)} times: mend the row."
                    )
                text = text.replace(self.old, self.new)
            (folder / name).write_text(text)
        return folder / "plugin.py"


FULL = "test_disk.py::test_a_full_disk[python]"
LINK = "test_attack.py::test_a_planted_link_is_not_followed[python]"
MODEL = "test_model.py::test_it_is_as_the_model_says[python-20]"
KILL = "test_instants.py::test_a_kill_at_every_instant_leaves_a_whole_state"
BODY = "test_attack.py::test_a_body_beyond_all_bounds_is_refused_in_bounded_memory"

# fmt: off
FAULTS = [
    Fault("a volume is made in place", f"{KILL}[create]", "    fresh = aside()\n    try:\n        for folder, mode", "    fresh = os.path.join(VOLUMES, secrets.token_hex(16))\n    try:\n        for folder, mode"),
    Fault("a volume is removed in place", f"{KILL}[remove]", "        os.rename(name, gone, src_dir_fd=volumes)", '        subprocess.run(["rm", "-rf", os.path.join(VOLUMES, name)])'),
    Fault("a record is written in place", f"{KILL}[mount]", '    fresh = aside()\n    try:\n        with open(fresh, "w")', '    fresh = f"/proc/self/fd/{volume}/mounts/{mount_id}"\n    try:\n        with open(fresh, "w")'),
    Fault("what is left aside stays", f"{KILL}[create]", "        delete(os.path.join(ASIDE, entry))", "        pass"),
    Fault("what is made is taken for a leftover", "test_instants.py::test_what_is_being_made_is_not_taken_for_a_leftover", "    for entry in left:", "    for entry in os.listdir(ASIDE):"),
    Fault("Create is not on the disk", "test_instants.py::test_what_is_answered_is_on_the_disk_first[python-Create]", "    # what is answered outlasts a power cut\n    os.fsync(volumes)", ""),
    Fault("Remove is not on the disk", "test_instants.py::test_what_is_answered_is_on_the_disk_first[python-Remove]", "src_dir_fd=volumes)\n        os.fsync(volumes)", "src_dir_fd=volumes)"),
    Fault("no lock on a volume", "test_load.py::test_mounts_at_once_are_all_counted[python]", "            fcntl.flock(volume, fcntl.LOCK_EX)\n", ""),
    Fault("the volume may have gone meanwhile", "test_load.py::test_of_mounts_and_a_remove_at_once_one_or_the_others_are_refused[python]", "there = os.path.samestat(os.stat(volume), os.lstat(name, dir_fd=volumes))", "there = True"),
    Fault("records are lost at a start", MODEL, '    """Make the folders, and', '    subprocess.run(f"rm -f {VOLUMES}/*/mounts/*", shell=True)\n    """Make the folders, and'),
    Fault("one Unmount is enough", MODEL, "read_records(volume, mount_id)[:-1])", "[])"),
    Fault("half a volume stays on a full disk", FULL, "        delete(fresh)\n        if error.errno", "        if error.errno"),
    Fault("half a record stays on a full disk", FULL, "    except OSError:\n        delete(fresh)\n        raise", "    except OSError:\n        raise"),
    Fault("an error without a sentence", FULL, "@app.errorhandler(Exception)\n", ""),
    Fault("Get answers trouble", "test_disk.py::test_no_permission[python]", '    if request.path == "/VolumeDriver.Get":\n        return hang_up()\n', ""),
    Fault("any folder will do", "test_disk.py::test_a_disk_that_is_away[replaced-python]", '        if not os.path.samestat(os.stat(volumes), app.config["BEGAN_WITH"]):', "        if False:"),
    Fault("files stay open", "test_disk.py::test_too_many_open_files[List-python]", "        os.close(number)\n\n\n@contextlib.contextmanager\ndef all_volumes", "        pass\n\n\n@contextlib.contextmanager\ndef all_volumes"),
    Fault("what is mounted in a volume goes", "test_disk.py::test_what_is_mounted_in_a_volume_is_not_touched[python]", "            if parent in table and within", "            if False and within"),
    Fault("what is mounted aside goes", "test_disk.py::test_nor_what_is_mounted_in_what_a_killed_plugin_left_aside[python]", "        if user:\n            app.logger", "        if False:\n            app.logger"),
    Fault("rm goes into other disks", "test_disk.py::test_nor_a_disk_that_is_mounted_while_it_is_deleted[python]", ' "--one-file-system",', ""),
    Fault("Remove waits for its files to go", "test_disk.py::test_remove_of_many_files_is_answered_before_they_are_deleted", "    done.call_on_close(threading.Thread(target=delete, args=[gone], daemon=True).start)", "    delete(gone)"),
    Fault("the start of a name will do", "test_attack.py::test_no_name_or_id_leads_out[python]", "NAME.fullmatch(name):\n        rule", "NAME.match(name):\n        rule"),
    Fault("an option is taken", "test_attack.py::test_no_option_does_anything[python]", "    if options:\n", "    if options == {}:\n"),
    Fault("folders are opened through links", LINK, " | os.O_NOFOLLOW, dir_fd=inside", ", dir_fd=inside"),
    Fault("records are opened through links", LINK, "os.O_RDONLY | os.O_NOFOLLOW, dir_fd=mounts", "os.O_RDONLY, dir_fd=mounts"),
    Fault("a container is given a link", LINK, ', opened("data", inside=volume):', ":"),
    Fault("a link aside stays", LINK, " and not os.path.islink(path):", ":"),
    Fault("links in the root are followed", "test_attack.py::test_a_link_in_the_root_stops_the_start[aside-python]", "            with opened(folder) as number:\n                os.chmod(number, 0o700)", "            os.chmod(folder, 0o700)"),
    Fault("a body of any length", f"{BODY}[python-64 MiB]", 'app.config["MAX_CONTENT_LENGTH"] = 1024 * 1024', ""),
    Fault("a body of any depth", f"{BODY}[python-100 000 lists]", "    except RecursionError:", "    except ZeroDivisionError:"),
    Fault("one caller at a time", "test_attack.py::test_slow_callers_keep_nobody_waiting[python-half a head]", "threaded=True", "threaded=False"),
    Fault("a few callers at a time", "test_attack.py::test_slow_callers_keep_nobody_waiting[gunicorn-half a body]", "threads = 64", "threads = 16", "gunicorn.conf.py"),
    Fault("the 129th caller is turned away", "test_attack.py::test_five_hundred_callers_at_once_are_all_answered[gunicorn]", "listener.listen(1024)", "listener.listen(128)"),
    Fault("the socket is open to all", "test_attack.py::test_another_user_is_not_let_in_from_the_first_instant_on[python]", "os.umask(0o177)", "os.umask(0)"),
]
