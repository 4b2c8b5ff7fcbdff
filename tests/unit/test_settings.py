"""Settings: layers, origins, exact units, and errors that say where and what mends them."""

from __future__ import annotations

from dataclasses import fields
from decimal import Decimal
from pathlib import Path

import pytest
from mettle.application.ports.trainer import PpoSettings
from mettle.domain.errors import ConfigError
from mettle.domain.simulation.settings import (
    ActionScheme,
    Execution,
    RewardKind,
    SimulationSettings,
    StopKind,
)
from mettle.entrypoints.places import Places
from mettle.entrypoints.settings import known_keys, resolve
from mettle.entrypoints.settings.edit import edited
from mettle.entrypoints.settings.publish import page_text, schema_text
from mettle.entrypoints.settings.secrets import read_secrets
from mettle.entrypoints.settings.sections import PpoSection
from mettle.entrypoints.settings.simulation import SimulationSection
from mettle.entrypoints.settings.units import read_number
from mettle.entrypoints.suggest import nearest

ROOT = Path(__file__).parents[2]


def places(folder: Path, text: str = "") -> Places:
    """Write a settings file and return its places."""
    file = folder / "mettle.toml"
    file.write_text(text, encoding="utf-8")
    return Places(folder, file, "test")


def test_defaults_are_those_of_the_domain() -> None:
    """An empty file means exactly the domain's own defaults."""
    assert SimulationSection().to_domain() == SimulationSettings()
    assert PpoSection().to_domain() == PpoSettings()


def test_every_domain_setting_is_mapped_exactly() -> None:
    """Each key of the section reaches its own integer, and no other."""
    section = SimulationSection.model_validate(
        {
            "initial_cash": "123.00000001",
            "scheme": "increment",
            "allow_short": True,
            "max_weight": "0.1111",
            "gross_limit": "1.2222",
            "threshold": "0.3333",
            "increment": "0.4444",
            "rebalance_band": "0.0055",
            "participation": "0.066666",
            "execution": "maker",
            "slippage": "0.000777",
            "maker_offset": "0.000888",
            "maker_wait": 99,
            "stop_loss": "0.101010",
            "trailing_stop": "0.111111",
            "stop_kind": "limit",
            "stop_limit_offset": "0.001212",
            "leverage": 3,
            "maintenance_margin": "0.001313",
            "liquidation_fee": "0.001414",
            "soft_margin": "0.1515",
            "hard_margin": "0.1616",
            "ruin_level": "0.1717",
            "reward": "sortino",
            "reward_halflife": 18,
            "turnover_penalty": "0.000019",
            "drawdown_penalty": "0.000020",
        }
    )
    assert section.to_domain() == SimulationSettings(
        initial_cash=12_300_000_001,
        scheme=ActionScheme.INCREMENT,
        allow_short=True,
        max_weight=1111,
        gross_limit=12222,
        threshold=3333,
        increment=4444,
        rebalance_band=55,
        participation=66_666,
        execution=Execution.MAKER,
        slippage=777,
        maker_offset=888,
        maker_wait=99,
        stop_loss=101_010,
        trailing_stop=111_111,
        stop_kind=StopKind.LIMIT,
        stop_limit_offset=1212,
        leverage=3,
        maintenance_margin=1313,
        liquidation_fee=1414,
        soft_margin=1515,
        hard_margin=1616,
        ruin_level=1717,
        reward=RewardKind.SORTINO,
        reward_halflife=18,
        turnover_penalty=19,
        drawdown_penalty=20,
    )
    assert set(SimulationSection.model_fields) == {one.name for one in fields(SimulationSettings)}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("0.0005", "0.0005"),
        (0.1, "0.1"),
        ("5 bp", "0.0005"),
        ("5bps", "0.0005"),
        ("2.5 %", "0.025"),
        (Decimal("0.3"), "0.3"),
        (1, "1"),
        ("1_000", "1000"),
    ],
)
def test_numbers_are_read_as_written(written: object, meant: str) -> None:
    """Shares, percentages and basis points become the exact decimal."""
    assert read_number(written) == Decimal(meant)


@pytest.mark.parametrize("written", [True, "nan", "inf", "five", "", None, "5 %%"])
def test_what_is_no_number_is_refused(written: object) -> None:
    """Booleans, infinities and words are no numbers."""
    with pytest.raises(ValueError, match="number"):
        read_number(written)


def test_the_strongest_layer_wins_and_is_named(tmp_path: Path) -> None:
    """Flag over environment over file over profile over default, each with its origin."""
    where = places(
        tmp_path,
        'profile = "conservative"\n\n[simulation]\nstop_loss = 0.01\nslippage = 0.001\n'
        "increment = 0.5\n",
    )
    environment = {"METTLE__SIMULATION__SLIPPAGE": "0.002", "METTLE__SIMULATION__INCREMENT": "0.6"}
    found = resolve(where, flags={"simulation.increment": "0.7"}, environment=environment)
    rows = {key: (value, origin) for key, value, origin in found.rows()}
    assert rows["simulation.increment"] == ("0.7", "flag")
    assert rows["simulation.slippage"] == ("0.002", "environment METTLE__SIMULATION__SLIPPAGE")
    assert rows["simulation.stop_loss"] == ("0.01", "mettle.toml:4")
    assert rows["simulation.max_weight"] == ("0.25", "profile conservative")
    assert rows["simulation.threshold"] == ("0.3", "default")
    assert rows["profile"] == ("conservative", "mettle.toml:1")


def test_own_profiles_and_the_flag_that_chooses_one(tmp_path: Path) -> None:
    """A profile of the file can be chosen by flag, over the file's own choice."""
    where = places(
        tmp_path, 'profile = "moderate"\n[profiles.mine.simulation]\nmax_weight = "30 %"\n'
    )
    found = resolve(where, profile="mine", environment={})
    assert found.settings.simulation.max_weight == Decimal("0.3")
    assert found.origins["profile"] == "flag"


@pytest.mark.parametrize(
    ("text", "environment", "flags", "said"),
    [
        ("[simulation]\nslipage = 1\n", {}, {}, ["simulation.slipage", "toml:2", "slippage"]),
        ("[simluation]\nslippage = 1\n", {}, {}, ["'simluation'", "'simulation'"]),
        ("", {"METTLE__RISK__X": "1"}, {}, ["'risk.x'", "METTLE__RISK__X"]),
        (
            "",
            {"METTLE_TRAINING__FRAMES": "9"},
            {},
            ["names no setting", "METTLE__TRAINING__FRAMES"],
        ),
        ("", {"METTLE_PAPER_CAPITAL": "9"}, {}, ["METTLE_PAPER_CAPITAL", "METTLE__PAPER__CAPITAL"]),
        ("", {"METTLE_PROFILE": "moderate"}, {}, ["write METTLE__PROFILE,"]),
        ("", {"METTLE_TRANING__X": "1"}, {}, ["METTLE_TRANING__X names no setting"]),
        (
            "",
            {"METTLE_SECRET_DATABASE_URL": "postgresql://me:pw@host/db"},
            {},
            ["write METTLE_SECRET__DATABASE_URL,"],
        ),
        ("", {"METTLE__TRAINING__FRAMES": "many"}, {}, ["training.frames", "'many'", "unset"]),
        ("", {}, {"training.frams": "1"}, ["training.frams", "training.frames"]),
        ("[simulation]\nslippage = 0.0000001\n", {}, {}, ["whole multiple of 0.000001", "toml:2"]),
        ("[simulation]\nslippage = true\n", {}, {}, ["must be a number", "5 bp"]),
        ("[simulation]\nmax_weight = 0\n", {}, {}, ["simulation.max_weight", "greater than 0"]),
        ("[simulation]\nallow_short = true\n", {}, {}, ["leverage of 2"]),
        ("[simulation]\ngross_limit = 2\n", {}, {}, ["gross_limit", "leverage"]),
        ("[paper]\ncapital = -1\n", {}, {}, ["paper.capital", "'-1'", "greater than 0"]),
        ("[market]\nsymbols = []\n", {}, {}, ["market.symbols", "at least one"]),
        ('[market]\nendpoint = "ftp://x"\n', {}, {}, ["market.endpoint", "https://", "'ftp://x'"]),
        ('[workspace]\ndata = ""\n', {}, {}, ["workspace.data must not be empty"]),
        ("", {}, {"training.frames": "9" * 20}, ["training.frames", "1000000000000"]),
        (
            "[training]\nseed = 1\n",
            {},
            {"training.from": "2024-05-01", "training.to": "2024-01-01"},
            ["from must lie before to", "(flag)", "correct the flag"],
        ),
        ('[market]\nsymbols = ["BTC"]\n', {}, {}, ["'BTC'", "BASE/QUOTE"]),
        ('[market]\ntimeframe = "2h"\n', {}, {}, ["'2h'", "1m, 5m"]),
        ("market = 3\n", {}, {}, ["market", "section"]),
        ('[backtest]\nfrom = "2024-05-01"\nto = 2024-01-01\n', {}, {}, ["from must lie before to"]),
        ('[backtest]\nfrom = "May"\n', {}, {}, ["backtest.from", "2024-01-31"]),
        ('[backtest]\ncost_profile = "free"\n', {}, {}, ["backtest.cost_profile", "binance"]),
        ('profile = "brave"\n', {}, {}, ["'brave'", "conservative"]),
        ("[market\n", {}, {}, ["not valid TOML", "line 1"]),
        (
            '[workspace]\ndatabase = "postgresql://me:pw@host/db"\n',
            {},
            {},
            ["METTLE_SECRET__DATABASE_URL"],
        ),
    ],
)
def test_errors_name_key_value_rule_and_mend(
    tmp_path: Path,
    text: str,
    environment: dict[str, str],
    flags: dict[str, object],
    said: list[str],
) -> None:
    """A wrong setting is refused with everything that is needed to mend it."""
    with pytest.raises(ConfigError) as caught:
        resolve(places(tmp_path, text), flags=flags, environment=environment)
    message = str(caught.value)
    assert [part for part in said if part not in message] == []
    assert ":pw@" not in message
    assert caught.value.mend


def test_other_names_of_the_environment_are_let_be(tmp_path: Path) -> None:
    """Only what is meant for a setting is held to its spelling."""
    others = {
        "METTLE_HOME": "x",
        "METTLE_PARENT": "1",
        "METTLE_TEST_POSTGRES_URL": "y",
        "HOME": "z",
    }
    assert resolve(places(tmp_path, ""), environment=others).settings.training.frames


def test_secrets_come_from_the_environment_or_a_private_file(tmp_path: Path) -> None:
    """The environment wins; a file that others can read is refused; values stay hidden."""
    file = tmp_path / "secrets.toml"
    file.write_text('database_url = "postgresql://me:hunter2@host/db"\n', encoding="utf-8")
    file.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        read_secrets(tmp_path, {})
    file.chmod(0o600)
    found = read_secrets(tmp_path, {})
    assert "hunter2" not in repr(found)
    named = read_secrets(tmp_path, {"METTLE_SECRET__DATABASE_URL": "sqlite:///x"})
    assert named.database_url is not None
    assert named.database_url.get_secret_value() == "sqlite:///x"
    with pytest.raises(ConfigError, match="database_url"):
        read_secrets(tmp_path, {"METTLE_SECRET__DATABASE_ULR": "x"})


def test_setting_a_key_leaves_the_rest_of_the_file(tmp_path: Path) -> None:
    """Comments, order and other keys stay when one key is changed or added."""
    text = '# mine\n[market]\nvenue = "binance"  # where\n\n[training]\nseed = 1\n'
    changed = edited(edited(text, "market.venue", "coinbase"), "training.frames", "5000")
    assert changed == (
        '# mine\n[market]\nvenue = "coinbase"  # where\n\n[training]\nframes = 5000\nseed = 1\n'
    )
    added = edited(text, "paper.capital", "500")
    assert added.endswith("[paper]\ncapital = 500\n")
    assert edited(text, "market.symbols", "A/B, C/D").count('symbols = ["A/B", "C/D"]') == 1


def test_features_with_parameters_can_be_set(tmp_path: Path) -> None:
    """A comma between brackets parts no list; one number alone is a list of one."""
    text = edited("", "training.features", "rsi(14), macd(12,26,9):raw")
    text = edited(text, "training.ppo.hidden", "8")
    found = resolve(places(tmp_path, text), environment={}).settings.training
    assert found.features == ("rsi(14)", "macd(12,26,9):raw")
    assert found.ppo.hidden == (8,)


def test_a_value_over_several_lines_is_left_to_the_hand(tmp_path: Path) -> None:
    """What cannot be replaced safely is refused."""
    with pytest.raises(ConfigError, match="several lines"):
        edited('[market]\nsymbols = [\n "A/B",\n]\n', "market.symbols", "C/D")


@pytest.mark.parametrize(
    ("name", "text"), [("mettle.schema.json", schema_text()), ("configuration.md", page_text())]
)
def test_the_published_reference_is_true(name: str, text: str) -> None:
    """Schema and page are those of the settings; settings/publish.py writes them anew."""
    assert (ROOT / "docs/reference" / name).read_text(encoding="utf-8") == text


def test_the_reference_names_every_key() -> None:
    """No setting is missing from the configuration page."""
    assert [key for key in known_keys() if f"`{key}`" not in page_text()] == []


@pytest.mark.parametrize(
    ("typed", "meant"), [("btcusdt", "BTC/USDT"), ("BTC-USD", "BTC/USDT"), ("zzz", None)]
)
def test_nearest_name(typed: str, meant: str | None) -> None:
    """Case and separators do not hide what was meant; nonsense finds nothing."""
    assert nearest(typed, ["BTC/USDT", "ETH/USDT"]) == meant
