"""ddd with one thing left out that keeps data safe, and the test that tells: a row is a small edit of its text."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mutants import Breach


@dataclass(frozen=True)
class Fault:
    """A ddd in one file of which old has become new, and the test that fails by it."""

    name: str
    test: str
    file: str
    old: str
    new: str

    def write(self, folder: Path) -> Path:
        """Write the spoilt ddd into a folder; return its plugin. Raises ValueError when old is not there once."""
        return Breach("", self.name, self.old, self.new, self.file).write(folder)


FULL = "test_disk.py::test_a_full_disk[werkzeug]"
LINK = "test_attack.py::test_a_planted_link_is_not_followed[werkzeug]"
MODEL = "test_model.py::test_it_is_as_the_model_says[werkzeug-20]"
KILL = "test_instants.py::test_a_kill_at_every_instant_leaves_a_whole_state"
ON_DISK = "test_instants.py::test_what_is_answered_is_on_the_disk_first"
BODY = "test_attack.py::test_a_body_beyond_all_bounds_is_refused_in_bounded_memory"
WAIT = "test_attack.py::test_calls_that_wait_for_their_volume_keep_nobody_waiting"

# fmt: off
FAULTS = [
    Fault("a volume is made in place", f"{KILL}[create]", "volumes.py", "            fresh = self.fresh()\n            try:", "            fresh = os.path.join(self.folder, secrets.token_hex(16))\n            try:"),
    Fault("options come after the volume", f"{KILL}[create with options]", "app.py", "    volumes.create(name, wanted)\n", '    volumes.create(name)\n    with volumes.open_one(name):\n        folder = os.open(mountpoint(name), os.O_RDONLY)\n        options.apply(folder, wanted)\n        os.close(folder)\n'),
    Fault("other options are taken for the same", MODEL, "volumes.py", "        if has:\n", "        if False:\n"),
    Fault("options are not on the disk", f"{ON_DISK}[werkzeug-Create with options]", "volumes.py", "                        os.fsync(data)\n", ""),
    Fault("a volume is removed in place", f"{KILL}[remove]", "volumes.py", "            os.rename(name, gone, src_dir_fd=volumes)", '            subprocess.run(["rm", "-rf", os.path.join(self.folder, name)])'),
    Fault("a record is written in place", f"{KILL}[mount]", "users.py", '    try:\n        with open(aside, "x")', '    aside = f"/proc/self/fd/{mounts}/{in_name(mount_id)}.{secrets.token_hex(8)}"\n    try:\n        with open(aside, "x")'),
    Fault("a file of the version before is written anew", f"{KILL}[unmount one of two of before]", "users.py", "            os.truncate(file, sum(map(len, record.callers[:-1])))", '            os.truncate(file, 0)\n            os.write(file, "".join(record.callers[:-1]).encode())'),
    Fault("what is left aside stays", f"{KILL}[create]", "volumes.py", "        for path in left:\n            self.delete(path)", "        for path in left:\n            pass"),
    Fault("what is made is taken for a leftover", "test_instants.py::test_what_is_being_made_is_not_taken_for_a_leftover", "volumes.py", "        for path in left:", "        for path in self.left_aside():"),
    Fault("Create is not on the disk", f"{ON_DISK}[werkzeug-Create]", "volumes.py", "            # what is answered outlasts a power cut\n            os.fsync(volumes)", ""),
    Fault("Remove is not on the disk", f"{ON_DISK}[werkzeug-Remove]", "volumes.py", "                os.fsync(volumes)\n            except OSError:", "                pass\n            except OSError:"),
    Fault("a Remove that fails has removed", "test_instants.py::test_where_the_disk_does_not_take_a_remove_the_answer_is_true[it is put back]", "volumes.py", "                    os.rename(gone, name, dst_dir_fd=volumes)\n", "                    pass\n"),
    Fault("release is not on the disk", "test_instants.py::test_a_kill_inside_release_leaves_whole_records_and_the_next_one_deletes_them", "doctor.py", "        os.fsync(mounts)\n", ""),
    Fault("a record is not on the disk", f"{ON_DISK}[werkzeug-Mount]", "users.py", "            os.fsync(file.fileno())\n", ""),
    Fault("no lock on a volume", "test_load.py::test_mounts_at_once_are_all_counted[werkzeug]", "volumes.py", "                fcntl.flock(volume, fcntl.LOCK_EX)\n", ""),
    Fault("the volume may have gone meanwhile", "test_load.py::test_of_mounts_and_a_remove_at_once_one_or_the_others_are_refused[werkzeug]", "volumes.py", "there = os.path.samestat(os.stat(volume), os.lstat(name, dir_fd=volumes))", "there = True"),
    Fault("records are lost at a start", MODEL, "volumes.py", "        self.began_with = os.stat(", '        subprocess.run(f"rm -f {self.folder}/*/mounts/*", shell=True)\n        self.began_with = os.stat('),
    Fault("one Unmount is enough", MODEL, "users.py", "        os.unlink(record.file, dir_fd=mounts)\n", "        for record in found:\n            os.unlink(record.file, dir_fd=mounts)\n"),
    Fault("half a volume stays on a full disk", FULL, "volumes.py", "                self.delete(fresh)\n", ""),
    Fault("half a record stays on a full disk", FULL, "users.py", "        with contextlib.suppress(FileNotFoundError):\n            os.unlink(aside)\n", ""),
    Fault("an Unmount makes a file", FULL, "users.py", "    record = max(found", '    os.close(os.open("x", os.O_CREAT, dir_fd=mounts))\n    os.unlink("x", dir_fd=mounts)\n    record = max(found'),
    Fault("an error without a sentence", FULL, "app.py", "@app.errorhandler(Exception)\n", ""),
    Fault("Get answers trouble", "test_disk.py::test_no_permission[werkzeug]", "app.py", '    if request.path == "/VolumeDriver.Get":\n        return hang_up()\n', ""),
    Fault("any folder will do", "test_disk.py::test_a_disk_that_is_away[replaced-werkzeug]", "volumes.py", "            if self.began_with is None or not os.path.samestat(os.stat(volumes), self.began_with):", "            if False:"),
    Fault("an answer in two pieces", "test_instants.py::test_an_answer_leaves_in_one_piece[Get]", "server.py", "wsgi.Response = InOnePiece", "wsgi.Response = wsgi.Response"),
    Fault("files stay open", "test_disk.py::test_too_many_open_files[List-werkzeug]", "folders.py", "        os.close(descriptor)", "        pass"),
    Fault("what is mounted in a volume goes", "test_disk.py::test_what_is_mounted_in_a_volume_is_not_touched[werkzeug]", "holders.py", "        elif mounted.parent in table:", "        elif False:"),
    Fault("what is mounted aside goes", "test_disk.py::test_nor_what_is_mounted_in_what_a_killed_plugin_left_aside[werkzeug]", "trash.py", "    if reason := user_of(path):\n        return reason\n    # rm", "    # rm"),
    Fault("rm goes into other disks", "test_disk.py::test_nor_a_disk_that_is_mounted_while_it_is_deleted[werkzeug]", "trash.py", ' "--one-file-system",', ""),
    Fault("Remove waits for its files to go", "test_disk.py::test_remove_of_many_files_is_answered_before_they_are_deleted", "app.py", "    done.call_on_close(threading.Thread(target=volumes.delete, args=[gone], daemon=True).start)", "    volumes.delete(gone)"),
    Fault("the start of a name will do", "test_attack.py::test_no_name_or_id_leads_out[werkzeug]", "app.py", "NAME.fullmatch(name):\n        rule", "NAME.match(name):\n        rule"),
    Fault("an option is taken", "test_attack.py::test_no_option_does_anything[werkzeug]", "app.py", "    try:\n        wanted", "    sent = {}\n    try:\n        wanted"),
    Fault("folders are opened through links", LINK, "folders.py", " | os.O_NOFOLLOW, dir_fd=inside", ", dir_fd=inside"),
    Fault("records are opened through links", LINK, "users.py", "flags | os.O_NOFOLLOW, dir_fd=mounts", "flags, dir_fd=mounts"),
    Fault("a container is given a link", LINK, "volumes.py", 'if (found := found_at("data", volume)) != "a folder":', "if False:"),
    Fault("a link aside stays", LINK, "trash.py", ", NotADirectoryError), opened", "), opened"),
    Fault("links in the root are followed", "test_attack.py::test_a_link_in_the_root_stops_the_start[aside-werkzeug]", "volumes.py", "                with opened(folder) as descriptor:\n                    os.chmod(descriptor, 0o700)", "                os.chmod(folder, 0o700)"),
    Fault("a body of any length", f"{BODY}[werkzeug-64 MiB]", "app.py", 'app.config["MAX_CONTENT_LENGTH"] = 1024 * 1024', ""),
    Fault("a body of any depth", f"{BODY}[werkzeug-100 000 lists]", "app.py", "    except RecursionError:", "    except ZeroDivisionError:"),
    Fault("one caller at a time", f"{WAIT}[gunicorn]", "server.py", '"threads": 64', '"threads": 1'),
    Fault("a few callers at a time", f"{WAIT}[gunicorn]", "server.py", '"threads": 64', '"threads": 16'),
    Fault("half a head has a thread", "test_attack.py::test_slow_callers_keep_nobody_waiting[gunicorn-half a head]", "worker.py", "    if head < 0:\n", "    if head < 0 and data:\n        return True\n    if head < 0:\n"),
    Fault("half a body has a thread", "test_attack.py::test_slow_callers_keep_nobody_waiting[gunicorn-half a body]", "worker.py", "length > LARGEST or len(data) >= head + 4 + length", "True"),
    Fault("no call at all has a thread", "test_attack.py::test_slow_callers_keep_nobody_waiting[gunicorn-nothing]", "worker.py", "            return False\n        except OSError", "            return not conn.parser.unreader.buf.getvalue()\n        except OSError"),
    Fault("the 129th caller is turned away", "test_attack.py::test_five_hundred_callers_at_once_are_all_answered[gunicorn]", "listener.py", "QUEUE = 1024", "QUEUE = 128"),
    Fault("the socket is open to all", "test_attack.py::test_another_user_is_not_let_in_from_the_first_instant_on[werkzeug]", "listener.py", "os.umask(0o177)", "os.umask(0)"),
]
