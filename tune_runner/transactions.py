"""Several steps of an Optuna study as one transaction of its storage: all of them happened, or none did.

Optuna commits every parameter and every attribute by itself. A trial then costs a dozen commits, each of which waits
for the disk, and a driver that is killed between two of them leaves half a trial. Here a session, while it is
`joined`, puts commits off until the last step is done.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakKeyDictionary

import optuna
from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from tune_runner import internals
from tune_runner.patience import ENGINE
from tune_runner.quiet import quiet


class JoinableSession(Session):
    """joined: within `together`. broken: a step was taken back there, and with it all before it."""

    joined = False
    broken = False

    def commit(self) -> None:
        if self.joined:
            self.flush()
        else:
            super().commit()

    def close(self) -> None:
        if self.joined:
            self.expunge_all()  # the next step reads what this one wrote, as from a session of its own
        else:
            super().close()

    def rollback(self) -> None:
        self.broken = self.broken or self.joined
        super().rollback()


class JoinableStorage(RDBStorage):
    """Optuna's storage in an SQLite file, whose steps `together` can join, and which waits for locks of others."""

    def __init__(self, url: str) -> None:
        super().__init__(url, engine_kwargs=ENGINE)
        self.scoped_session = scoped_session(sessionmaker(bind=self.engine, class_=JoinableSession))


_JOINABLE: "WeakKeyDictionary[optuna.Study, JoinableStorage]" = WeakKeyDictionary()


def joinable_study(url: str, name: str) -> optuna.Study:
    """The study called `name` in an SQLite file, made if need be, whose steps `together` can join. Raises InputError if
    the Optuna that is installed has no sessions as this one's are."""
    internals.check(internals.OPTUNA)
    storage = JoinableStorage(url)
    with quiet():
        study = optuna.create_study(study_name=name, storage=storage, direction="maximize", load_if_exists=True)
    _JOINABLE[study] = storage  # Optuna keeps it behind a cache, out of reach
    return study


@contextmanager
def together(study: optuna.Study) -> Iterator[None]:
    """Join what this thread does to a study of `joinable_study`; of another study nothing changes. Does not nest.

    Raises StorageInternalError where the database refused a step or the whole, and then nothing of it happened.
    """
    storage = _JOINABLE.get(study)
    if storage is None:
        yield
        return
    session = storage.scoped_session()
    assert isinstance(session, JoinableSession)
    session.joined, session.broken = True, False
    try:
        yield
        if session.broken:
            raise StorageInternalError("the study's storage took back a step, and with it all that belong to it")
        session.joined = False
        session.commit()
    except SQLAlchemyError as error:
        raise StorageInternalError(str(error)) from error
    finally:
        session.joined = False
        session.close()  # takes back what was not committed
