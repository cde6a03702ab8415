"""Settings classes whose fields may come from files (shared/secret_files.py)."""

import os
from collections.abc import Mapping

from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource

from shared.secret_files import SUFFIX, read_setting


class SecretFileSource(EnvSettingsSource):
    """The fields of a settings class for which NAME_FILE is set."""

    def _load_env_vars(self) -> Mapping[str, str | None]:
        named = [name for name in self.settings_cls.model_fields if os.environ.get(name.upper() + SUFFIX)]
        return {name: read_setting(name.upper()) for name in named}


class FileSettings(BaseSettings):
    """Settings of which each may come from a file: arguments first, then the environment, then files."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put the files behind the environment."""
        return init_settings, env_settings, SecretFileSource(settings_cls)
