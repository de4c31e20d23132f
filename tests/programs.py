"""Wrong plugins that are whole programs, in other languages: nothing in the checker leans on Python."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

# Perl, with what every Debian has of it: one answer for every call.
PERL = r"""
use IO::Socket::UNIX;
$SIG{TERM} = $SIG{INT} = sub { unlink $ENV{DDD_SOCKET}; exit 0 };
umask 0177;
my $listener = IO::Socket::UNIX->new(Local => $ENV{DDD_SOCKET}, Listen => 16) or die "no socket: $!\n";
while (1) {
    my $caller = $listener->accept or next;
    my $head = "";
    while (my $line = <$caller>) { $head .= $line; last if $line eq "\r\n"; }
    next unless $head;
    my ($length) = $head =~ /Content-Length: (\d+)/;
    read $caller, my $body, $length if $length;
    my $status = "200 OK";
    my $answer = '{"Err": ""}';
    ANSWER
    print $caller "HTTP/1.1 $status\r\nContent-Length: " . length($answer) . "\r\nConnection: close\r\n\r\n$answer";
}
"""

# A shell that starts a server of another kind, on a port: busybox is a language of its own.
SHELL = "exec busybox httpd -f -p 127.0.0.1:0\n"


@dataclass(frozen=True)
class Program:
    """A whole program: step is the first check of its part that fails, and diagnosis what is said of it."""

    name: str
    step: str
    diagnosis: str
    needs: str
    text: str

    @property
    def part(self) -> str:
        """The part whose checks it is given."""
        return self.step.partition(".")[0]

    def command(self, folder: Path) -> tuple[list[str], Path | None]:
        """Write the program into a folder, and return the command that runs it."""
        (folder / "program").write_text(self.text)
        return [self.needs, str(folder / "program")], None


def perl(answer: str) -> str:
    """Return the plugin in Perl with lines of its own before it answers."""
    return PERL.replace("    ANSWER\n", f"    {answer}\n")


PROGRAMS = [
    Program("Perl that says hello", "2.1", "no HTTP", "perl", perl('print $caller "Hello, Docker!\\n"; next;')),
    Program("Perl that answers text", "2.1", "bare text", "perl", perl('$answer = "VolumeDriver";')),
    Program("Perl that forgets Implements", "2.1", "Implements is no list", "perl", perl("")),
    Program("Perl that dies", "2.1", "crash at a call", "perl", perl('die "out of pearls\\n" if $head =~ /Activate/;')),
    Program("Perl for one caller", "1.4", "one caller at a time", "perl", perl('$answer = "Hello";')),
    Program("Perl without a file", "1.1", "ended at the start", "perl", 'die "I have no idea\\n";'),
    Program("Shell that ends", "1.1", "ended at the start", "sh", "echo I am no plugin\n"),
    Program("Shell that waits", "1.1", "does not listen", "sh", "exec sleep 100\n"),
]
