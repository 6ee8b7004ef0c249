"""Wrong commands and files: a non-zero end, no traceback, no completed result, and what to type instead."""

import pytest

TABLE = "a,b,price\n" + "".join(f"{i},{i % 5},{2.5 * i}\n" for i in range(40))
FROM_TABLE = ["data=table", "data.path=my.csv", "data.target=price"]

MISTAKES = [
    (["loss=hubr"], ["loss=hubr", "Did you mean loss=huber?"]),
    (["loss=mse_"], ["Did you mean"]),
    (["loss=huber", "loss.detla=2"], ["loss.detla = 2", "Did you mean loss.delta?"]),
    (["loss=huber", "+loss.detla=2"], ["loss.detla = 2", "Did you mean loss.delta?"]),
    (["loss=huber", "loss.delta=-1"], ["loss.delta = -1", "greater than 0"]),
    (["loss=huber", "loss.delta=two"], ["loss.delta = two", "a number"]),
    (["loss=huber", "loss.delta=nan"], ["loss.delta = nan", "a number greater than 0"]),
    (["loss=huber", "loss.delta=null"], ["loss.delta = null", "a number"]),
    (["loss=huber", "loss.delta="], ["loss.delta", "a number"]),
    (["loss=mse", "loss.delta=2"], ["loss.delta = 2", "mean_squared_error has no 'delta'"]),
    (["loss=bce", "loss.label_smoothing=1.5"], ["loss.label_smoothing = 1.5", "at least 0 and at most 1"]),
    (["loss.reduction=average"], ["loss.reduction = average", "sum_over_batch_size"]),
    (["loss.reduction=none"], ["loss.reduction = none", "cannot be trained"]),
    (["loss=bce", "loss.axis=0"], ["loss.axis = 0", "must be -1"]),
    (["loss=3"], ["loss=3", "Choose one of"]),
    (["loss.name=hubr"], ["loss.name = hubr", "Did you mean loss=huber?"]),
    (["loss=bce", "data=diabetes"], ["data = diabetes", "loss=huber", "data=breast_cancer"]),
    (["loss=mse", "data=digits"], ["data = digits", "loss=sparse_categorical_crossentropy"]),
    (
        ["loss=bce", "loss.from_logits=true", "model.output_activation=sigmoid"],
        ["model.output_activation = sigmoid", "leave model.output_activation=auto"],
    ),
    (
        ["loss=bce", "model.output_activation=linear"],
        ["model.output_activation = linear", "loss.from_logits=true"],
    ),
    (
        ["loss=cce", "model.output_activation=sigmoid"],
        ["model.output_activation = sigmoid", "needs a softmax output"],
    ),
    (["model.hidden_units=8"], ["model.hidden_units = 8", "a list, each an integer at least 1"]),
    (["model.hidden_units=[8,0]"], ["model.hidden_units = [8, 0]", "at least 1"]),
    (["model.activation=rely"], ["model.activation = rely", "relu"]),
    (["optimizer=adamm"], ["Did you mean optimizer=adam?"]),
    (["optimizer.lr=0"], ["optimizer.lr = 0", "greater than 0"]),
    (["optimizer=sgd", "optimizer.nesterov=true"], ["optimizer.nesterov", "optimizer.momentum=0.9"]),
    (["optimizer.momentum=0.9"], ["adamw has no 'momentum'"]),
    (["data=diabetis"], ["Did you mean data=diabetes?"]),
    (["data.batch_size=0"], ["data.batch_size = 0", "at least 1"]),
    (["data.test=0.9"], ["data.test = 0.9", "leave no rows to train on"]),
    (["data.validation=0"], ["data.validation = 0", "greater than 0"]),
    (["metrics=[rmsd]"], ["metrics = rmsd", "Did you mean rmse?"]),
    (["metrics=[]"], ["metrics", "one or more"]),
    (["loss=bce", "metrics=rmse"], ["metrics = rmse", "Here you can choose: accuracy"]),
    (["sed=3"], ["sed", "Did you mean seed?"]),
    (["+sed=3"], ["sed = 3", "Did you mean seed?"]),
    (["seed=-1"], ["seed = -1", "at least 0"]),
    (["replicates=0"], ["replicates = 0", "at least 1"]),
    (["replicates=2.5"], ["replicates = 2.5", "an integer"]),
    (["trainer.max_epoch=3"], ["Did you mean trainer.max_epochs?"]),
    (["trainer=fast"], ["trainer = fast", "trainer.KEY=VALUE"]),
    (["trainer.precision=16-mixed"], ["trainer.precision = 16-mixed", "bf16-mixed"]),
    (["trainer.keep=worst"], ["trainer.keep = worst", "best, last"]),
    (["schedule=cosin"], ["Did you mean schedule=cosine?"]),
    (["experiment=nothing"], ["experiment=nothing", "no such choice"]),
    (["--loss", "huber"], ["--loss", "Keys are written without dashes, as loss="]),
    (["loss"], ["loss: not an override", "KEY=VALUE"]),
    (["loss huber"], ["not an override", "KEY=VALUE"]),
    (["data=table", "data.path=my file (1).csv"], ["not an override", "quote"]),
    (["loss.label=${nothing}"], ["nothing", "--help"]),
    (["hydra.run.dir=/proc/nowhere"], ["/proc/nowhere", "hydra.run.dir="]),
    (["data=table"], ["data.path", "data.target", "not given"]),
    (["data=table", "data.path=mi.csv", "data.target=price"], ["no such file", "Did you mean my.csv?"]),
    ([*FROM_TABLE[:2], "data.target=prise"], ["no such column", "Did you mean price?"]),
    ([*FROM_TABLE, "loss=bce"], ["40 different values in 40 rows are no classes"]),
    ([*FROM_TABLE, "loss=scce"], ["no classes", "loss=huber"]),
    ([*FROM_TABLE, "data.task=binary"], ["data.task = binary", "loss=binary_crossentropy"]),
    (["data=table", "data.path=gap.csv", "data.target=price"], ["gap.csv, line 3, column b", "empty"]),
    (["data=table", "data.path=text.csv", "data.target=price"], ["text.csv, line 2, column a", "'x'"]),
    (["data=table", "data.path=few.csv", "data.target=price"], ["2 rows", "at least 2 are needed in each"]),
    (["loss=null"], ["loss=null", "chosen by its name"]),
    (["model=5"], ["model=5", "dense"]),
    (["lr=0.1"], ["lr", "Did you mean optimizer.lr?"]),
    (["trainer.lr=0.1"], ["trainer.lr", "Did you mean optimizer.lr?"]),
    (["+epochs=3"], ["Did you mean trainer.max_epochs?"]),
    (["loss.delta=2"], ["mean_squared_error has no 'delta'", "It belongs to loss=huber"]),
    (["data.target=price"], ["It belongs to data=table"]),
    (["data=table", "data.path=my.csv", "data.target=2020"], ["must be a text", 'data.target="2020"']),
    (["loss.delta='2'", "loss=huber"], ["loss.delta = '2'"]),
    (["loss=mse", "loss.name=mean_absolute_error"], ["choose a loss by loss="]),
    (["metrics=[[rmse]]"], ["metrics", "a list, each a text"]),
    (["data=diabetes", "data.about.task=binary"], ["data.about", "not for setting"]),
    (["loss.about.task=binary"], ["choose a loss by loss="]),
    (["schedule.warmup_steps=20007"], ["schedule.warmup_steps = 20007", "the whole run has 20007 steps"]),
    (["schedule=exponential", "schedule.rate=1e300"], ["schedule.rate", "at most 1"]),
    (["model.hidden_units=[1000000,1000000,1000000]"], ["not enough memory"]),
    (["trainer.threads=1000000"], ["trainer.threads", "at most 1024"]),
    (["--multirn"], ["Did you mean --multirun?"]),
    ([*FROM_TABLE[:1], "data.path=.", "data.target=price"], ["a folder; name the file"]),
    (
        ["data=table", "data.path=rare.csv", "data.target=y", "loss=bce"],
        ["class '1' has", "data.stratify=false"],
    ),
    (
        [
            "data=table",
            "data.path=rare.csv",
            "data.target=y",
            "loss=bce",
            "data.stratify=false",
            "metrics=auroc",
            "replicates=20",
        ],
        ["primary metric"],
    ),
    (["loss=poisson", *FROM_TABLE], ["2.5 is not a count", "line 3, column price"]),
    (["loss=msle", *FROM_TABLE], ["0 is not a positive number", "line 2, column price"]),
    (["loss=poisson", "data=diabetes"], ["data = diabetes", "loss=huber"]),
    (["loss=cosine", "metrics=rmse"], ["metrics = rmse", "Here you can choose: cosine"]),
    (["loss=gce", "loss.q=1"], ["loss.q = 1", "less than 1"]),
    (["loss=poisson", "model.output_activation=linear"], ["loss.from_logits=true"]),
    (["loss=scce", "loss.ignore_class=-1"], ["loss.ignore_class = -1", "0 is 0"]),
    (["trainer.accelerator=gpu"], ["trainer.accelerator = gpu", "trainer.accelerator=cpu"]),
    (["trainer.name=x"], ["the trainer has no 'name'", "It has: accelerator"]),
    (["-m", "loss=glob(*)"], ["these losses have different default data"]),
    (["data=table", "data.path=" + "x" * 300, "data.target=y"], ["cannot be read: File name too long"]),
    (["loss=hinge", "model.output_activation=sigmoid"], ["needs a linear output"]),
    (["loss=msle", "model.output_activation=linear"], ["needs a softplus output"]),
    (["loss=cosine", "data=diabetes"], ["1 issue", "data=digit_halves"]),
    (["-m", "loss=mse,hubr"], ["loss=hubr", "Did you mean loss=huber?"]),
]


@pytest.mark.parametrize(("arguments", "words"), MISTAKES, ids=[" ".join(m[0]) for m in MISTAKES])
def test_a_mistake_is_answered(train, tmp_path, arguments, words):
    (tmp_path / "my.csv").write_text(TABLE)
    (tmp_path / "gap.csv").write_text("a,b,price\n1,2,3\n1,,3\n")
    (tmp_path / "text.csv").write_text("a,b,price\nx,2,3\n1,1,3\n2,2,4\n")
    (tmp_path / "few.csv").write_text("a,b,price\n1,2,3\n1,1,4\n")
    (tmp_path / "rare.csv").write_text("a,y\n" + "".join(f"{i},{int(i > 57)}\n" for i in range(60)))
    train(*arguments).assert_refused(words)


def test_all_issues_come_in_one_report(train):
    outcome = train(
        "loss=huber",
        "loss.detla=2",
        "loss.delta=-1",
        "trainer.max_epochs=0",
        "+foo=1",
        "data=digits",
        "model.output_activation=softmax",
        "metrics=[rmsd]",
        "optimizer.lr=fast",
        "schedule.warmup_steps=-1",
    )
    for key in (
        "loss.detla",
        "loss.delta",
        "trainer.max_epochs",
        "foo",
        "data = digits",
        "model.output_activation",
        "metrics",
        "optimizer.lr",
        "schedule.warmup_steps",
    ):
        assert key in outcome.err
    assert "9 issues" in outcome.err
