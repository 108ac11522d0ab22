"""Where and when it was measured."""

import datetime
import os
import platform
import subprocess


def processor():
    try:
        with open('/proc/cpuinfo') as file:
            names = [line.split(':', 1)[1].strip() for line in file if line.startswith('model name')]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()


def revision(root):
    """The commit, with a word if files differ from it."""
    def git(*arguments):
        try:
            return subprocess.run(['git', '-C', root, *arguments], capture_output=True, text=True).stdout.strip()
        except OSError:
            return ''

    changed = ' with changes' if git('status', '--porcelain', '--untracked-files=no') else ''
    return (git('rev-parse', '--short', 'HEAD') or 'unknown') + changed


def describe(root, options):
    print(f'{processor()}, {os.cpu_count()} processors, {platform.system()} {platform.release()}')
    now = datetime.datetime.now().astimezone()
    print(f'{now:%Y-%m-%d %H:%M}, Apus at {revision(root)}, load before: {os.getloadavg()[0]:.2f}')
    print(f'{options.threads} threads, medians of {options.rounds} rounds of {options.seconds:g} s each', flush=True)
