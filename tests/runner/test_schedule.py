from vpsbench.model import Profile, Status, Turn, TurnSpec
from vpsbench.runner.schedule import Schedule, planned


def schedule(duration: float, *turns: TurnSpec) -> Schedule:
    return Schedule(Profile(name="p", description="", duration=duration, turns=turns))


def walk(plan: Schedule) -> list[tuple[str, float, float]]:
    """Runs a schedule on a clock that moves only while turns run or nothing is due."""
    now, found = 0.0, []
    while (due := plan.next_due(now)) is not None:
        now = max(now, due)
        taken = plan.take(now)
        assert taken is not None, "what is due can be taken"
        spec, seconds = taken
        found.append((spec.probe, now, seconds))
        now += seconds
    return found


def test_turns_follow_one_another_in_the_profiles_order() -> None:
    plan = schedule(100, TurnSpec(probe="cpu", duration=40), TurnSpec(probe="disk", duration=30))
    assert walk(plan) == [("cpu", 0, 40), ("disk", 40, 30)]


def test_background_turns_are_walked_apart_and_make_no_run_longer() -> None:
    turns = (TurnSpec(probe="sparse", duration=90, background=True), TurnSpec(probe="cpu", duration=40))
    profile = Profile(name="p", description="", duration=100, turns=turns)
    assert walk(Schedule(profile)) == [("cpu", 0, 40)]
    assert walk(Schedule(profile, background=True)) == [("sparse", 0, 90)]
    assert planned(profile) == 40


def test_a_turn_comes_back_and_missed_ones_are_not_made_up_for() -> None:
    plan = schedule(
        100, TurnSpec(probe="cpu", duration=5, every=20), TurnSpec(probe="disk", duration=50, start=5)
    )
    assert walk(plan) == [("cpu", 0, 5), ("disk", 5, 50), ("cpu", 55, 5), ("cpu", 75, 5), ("cpu", 95, 5)]


def test_a_turn_without_enough_time_does_not_begin() -> None:
    plan = schedule(60, TurnSpec(probe="cpu", duration=40), TurnSpec(probe="disk", duration=50))
    assert walk(plan) == [("cpu", 0, 40)]
    assert [spec.probe for spec in plan.never_began()] == ["disk"]


def test_a_turn_with_most_of_its_time_is_shortened() -> None:
    plan = schedule(60, TurnSpec(probe="cpu", duration=40), TurnSpec(probe="disk", duration=30))
    assert walk(plan) == [("cpu", 0, 40), ("disk", 40, 20)]
    assert list(plan.never_began()) == []


def test_a_later_start_is_kept() -> None:
    plan = schedule(100, TurnSpec(probe="cpu", duration=10, start=70))
    assert plan.take(69.9) is None
    assert walk(plan) == [("cpu", 70, 10)]


def test_the_turns_to_come_are_counted() -> None:
    plan = schedule(100, TurnSpec(probe="cpu", duration=5, every=20))
    assert plan.coming("cpu", 0) == 5
    plan.take(0)
    assert plan.coming("cpu", 1) == 4
    assert plan.coming("disk", 0) == 0


def test_a_run_is_planned_until_its_last_turn_ends() -> None:
    once = TurnSpec(probe="cpu", duration=20)
    assert planned(Profile(name="p", description="", duration=100, turns=(once, once))) == 40
    assert planned(Profile(name="p", description="", duration=30, turns=(once, once))) == 30
    again = TurnSpec(probe="cpu", duration=20, every=50)
    assert planned(Profile(name="p", description="", duration=100, turns=(once, again))) == 100


def began(probe: str, started: float, status: Status = Status.OK) -> Turn:
    return Turn(probe, started, 5.0, status, "", {}, {})


def test_a_run_that_goes_on_repeats_nothing_and_is_late_once() -> None:
    turns = (TurnSpec(probe="cpu", duration=5, every=20), TurnSpec(probe="disk", duration=5))
    plan = schedule(200, *turns, TurnSpec(probe="memory", duration=5))
    done = [began("cpu", 0), began("disk", 5, Status.INTERRUPTED)]
    missed = [(spec.probe, due, count) for spec, due, count in plan.go_on(done, 110)]
    assert missed == [("cpu", 20, 4)]
    assert walk_from(plan, 110)[:3] == [("memory", 110), ("cpu", 115), ("cpu", 135)]


def test_what_was_skipped_before_may_come_now() -> None:
    plan = schedule(200, TurnSpec(probe="disk", duration=5))
    assert list(plan.go_on([began("disk", 0, Status.SKIPPED)], 50)) == []
    assert walk_from(plan, 50) == [("disk", 50)]


def test_what_the_run_would_not_have_lasted_for_is_not_missed() -> None:
    plan = schedule(100, TurnSpec(probe="cpu", duration=5, every=20))
    assert [count for _, _, count in plan.go_on([began("cpu", 0)], 1e6)] == [4]
    assert plan.next_due(1e6) is None


def walk_from(plan: Schedule, now: float) -> list[tuple[str, float]]:
    found = []
    while (due := plan.next_due(now)) is not None:
        now = max(now, due)
        taken = plan.take(now)
        assert taken
        found.append((taken[0].probe, now))
        now += taken[1]
    return found
