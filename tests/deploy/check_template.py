"""What only the template itself can tell: rights, expiry, encryption, alarms.

An emulator ignores half of this (a bucket's lifecycle, a table's expiry), so it is read off the template. Every policy is
walked, also those that don't exist yet: a new role is checked by being there.
"""

import pathlib
import re
import unittest

import cloud

TEMPLATE = pathlib.Path(__file__).parents[2] / "deploy" / "aws" / "template.yaml"
PREFIXES = ("${ObjectBase}/", "derived/")
CATALOG = {
    "security_alarm_videos",
    "security_video_timeline",
    "security_alarm_images",
    "security_image_timeline",
    "camtrail_meta",
}
READ = {"dynamodb:GetItem", "dynamodb:Query"}
WRITE = {"dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"}


def listed(value):
    """IAM takes one thing or a list of them."""
    return value if isinstance(value, list) else [value]


def text(value):
    """A value as text: `!Sub`'s, `!Ref`'s as `${…}`."""
    if isinstance(value, dict):
        (kind, inner), = value.items()
        if kind == "Fn::Sub":
            return inner
        if kind == "Ref":
            return f"${{{inner}}}"
        if kind == "Fn::GetAtt":
            return f"${{{'.'.join(inner)}}}"
    return str(value)


class Template(unittest.TestCase):
    """One template, read once."""

    @classmethod
    def setUpClass(cls):
        cls.source = TEMPLATE.read_text()
        cls.template = cloud.load_template(TEMPLATE)
        cls.resources = cls.template["Resources"]

    def of(self, kind):
        """All resources of a type."""
        return {name: resource for name, resource in self.resources.items() if resource["Type"] == kind}

    def properties(self, name):
        return self.resources[name]["Properties"]

    def statements(self, allow_only=True):
        """(resource, statement) of every policy in the template, wherever it stands."""

        def walk(name, node, trust):
            if isinstance(node, dict):
                if "Effect" in node and ("Action" in node or "NotAction" in node):
                    if not trust and (not allow_only or node["Effect"] == "Allow"):
                        yield name, node
                    return
                for key, inner in node.items():
                    yield from walk(name, inner, trust or key == "AssumeRolePolicyDocument")
            elif isinstance(node, list):
                for inner in node:
                    yield from walk(name, inner, trust)

        for name, resource in self.resources.items():
            yield from walk(name, resource, False)

    def rights(self, name):
        """What one resource's policies allow: the set of (action, resource's text without the ARN's head)."""
        return {
            (action, text(target).split(":::")[-1].split("${AWS::AccountId}:")[-1])
            for owner, statement in self.statements()
            if owner == name
            for action in listed(statement["Action"])
            for target in listed(statement["Resource"])
        }


class Document(Template):
    def test_there_are_no_aliases(self):
        """CloudFormation's YAML has none, though every other reader of it does."""
        self.assertNotRegex(self.source, r"(?m)^[^#\n]*:\s+[&*][A-Za-z]")

    def test_every_parameter_is_explained(self):
        for name, parameter in self.template["Parameters"].items():
            self.assertGreater(len(parameter["Description"]), 20, name)

    def test_every_parameter_is_used(self):
        body = self.source[self.source.index("\nConditions:") :]
        for name in self.template["Parameters"]:
            self.assertRegex(body, rf"\$\{{{name}\}}|!Ref {name}\b|!Ref {name}[,\]]", name)

    def test_what_holds_evidence_outlives_the_stack(self):
        for kind in ("AWS::S3::Bucket", "AWS::DynamoDB::Table"):
            found = self.of(kind)
            self.assertTrue(found)
            for name, resource in found.items():
                self.assertEqual("RetainExceptOnCreate", resource.get("DeletionPolicy"), name)
                self.assertEqual("Retain", resource.get("UpdateReplacePolicy"), name)

    def test_outputs_hold_no_secret(self):
        self.assertFalse(self.of("AWS::IAM::AccessKey"), "a key in a template is readable by all who see the stack")

    def test_configurations_in_the_outputs_name_the_parameters(self):
        for name in ("GatewayConfiguration", "AdminConfiguration"):
            value = text(self.template["Outputs"][name]["Value"])
            self.assertIn('bucket_name = "${BucketName}"', value)
            self.assertIn('object_base = "${ObjectBase}"', value)
            self.assertIn('region = "${AWS::Region}"', value)


class Bucket(Template):
    """NEVER-32, NEVER-17."""

    def setUp(self):
        self.bucket = self.properties("Bucket")
        self.rules = {}
        for rule in self.bucket["LifecycleConfiguration"]["Rules"]:
            if "Fn::If" in rule:
                condition, rule, otherwise = rule["Fn::If"]
                self.assertEqual("HasTransition", condition)
                self.assertEqual({"Ref": "AWS::NoValue"}, otherwise)
            self.rules[rule["Id"]] = rule

    def test_nothing_of_it_is_public(self):
        block = self.bucket["PublicAccessBlockConfiguration"]
        self.assertEqual(
            {"BlockPublicAcls": True, "BlockPublicPolicy": True, "IgnorePublicAcls": True, "RestrictPublicBuckets": True}, block
        )
        self.assertEqual([{"ObjectOwnership": "BucketOwnerEnforced"}], self.bucket["OwnershipControls"]["Rules"])

    def test_it_is_encrypted(self):
        (rule,) = self.bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        self.assertEqual("AES256", rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"])

    def test_only_tls(self):
        policy = self.properties("BucketPolicy")
        self.assertEqual({"Ref": "Bucket"}, policy["Bucket"])
        (statement,) = policy["PolicyDocument"]["Statement"]
        self.assertEqual("Deny", statement["Effect"])
        self.assertEqual("*", statement["Principal"])
        self.assertEqual("s3:*", statement["Action"])
        self.assertEqual({"Bool": {"aws:SecureTransport": "false"}}, statement["Condition"])
        self.assertEqual(
            ["arn:${AWS::Partition}:s3:::${BucketName}", "arn:${AWS::Partition}:s3:::${BucketName}/*"],
            [text(target) for target in statement["Resource"]],
        )

    def test_what_is_tagged_expires_under_both_prefixes(self):
        expiring = [rule for rule in self.rules.values() if "ExpirationInDays" in rule]
        self.assertEqual(sorted(PREFIXES), sorted(text(rule["Prefix"]) for rule in expiring))
        for rule in expiring:
            self.assertEqual("Enabled", rule["Status"])
            self.assertEqual({"Ref": "RetentionDays"}, rule["ExpirationInDays"])
            # Without the tag in the filter, protection would mean nothing.
            self.assertEqual([{"Key": "expire", "Value": "yes"}], rule["TagFilters"])

    def test_unfinished_uploads_go_not_before_the_gateway_gives_them_up(self):
        rule = self.rules["unfinished-uploads-go"]
        self.assertEqual("Enabled", rule["Status"])
        self.assertEqual({"DaysAfterInitiation": 7}, rule["AbortIncompleteMultipartUpload"])
        # S3 refuses the two together.
        self.assertNotIn("TagFilters", rule)
        notes = (TEMPLATE.parents[2] / "crates/store/src/s3/resume.rs").read_text()
        self.assertIn("NOTE_AGE_MAX: Duration = Duration::from_hours(7 * 24)", notes)

    def test_a_move_is_only_to_what_is_read_at_once_and_not_before_s3_takes_it(self):
        classes = self.template["Parameters"]["StorageClass"]["AllowedValues"]
        self.assertEqual({"none", "STANDARD_IA", "INTELLIGENT_TIERING", "GLACIER_IR"}, set(classes))
        self.assertGreaterEqual(self.template["Parameters"]["TransitionDays"]["MinValue"], 30)
        self.assertEqual("${ObjectBase}/", text(self.rules["captures-move"]["Prefix"]))

    def test_it_keeps_no_versions(self):
        self.assertNotIn("VersioningConfiguration", self.bucket)
        self.assertNotIn("ObjectLockEnabled", self.bucket)

    def test_both_prefixes_tell_what_came_what_went_and_what_expired(self):
        told = set()
        for entry in self.bucket["NotificationConfiguration"]["LambdaConfigurations"]:
            self.assertTrue(text(entry["Function"]).endswith(":function:${TablePrefix}security_cam_video_added"))
            rules = {rule["Name"]: text(rule["Value"]) for rule in entry["Filter"]["S3Key"]["Rules"]}
            told.add((entry["Event"], rules["prefix"], rules.get("suffix")))
        events = ("s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:LifecycleExpiration:*")
        # No suffix for captures: NEVER-13's upper-case extensions, and stills.
        wanted = {(event, "${ObjectBase}/", None) for event in events} | {(event, "derived/", ".json") for event in events}
        self.assertEqual(wanted, told)

    def test_s3_may_call_the_function_before_the_bucket_asks_for_it(self):
        self.assertEqual("ArrivalPermission", self.resources["Bucket"]["DependsOn"])
        permission = self.properties("ArrivalPermission")
        self.assertEqual("s3.amazonaws.com", permission["Principal"])
        self.assertEqual("arn:${AWS::Partition}:s3:::${BucketName}", text(permission["SourceArn"]))
        self.assertEqual("${AWS::AccountId}", text(permission["SourceAccount"]))

    def test_only_the_apps_origin_may_read_across_origins(self):
        (rule,) = self.bucket["CorsConfiguration"]["CorsRules"]
        self.assertEqual(["GET", "HEAD"], rule["AllowedMethods"])
        (origin,) = rule["AllowedOrigins"]
        self.assertNotIn("*", str(origin))

    def test_an_object_base_can_not_overlap_with_derived(self):
        pattern = re.compile(self.template["Parameters"]["ObjectBase"]["AllowedPattern"])
        for good in ("patrolcams", "a/b", "derivedx", "x/derived"):
            self.assertRegex(good, pattern)
        for bad in ("derived", "derived/x", "/a", "a/", "", "a//b", "a b"):
            self.assertNotRegex(bad, pattern)


class Tables(Template):
    KEYS = {
        "security_alarm_videos": [("camera_name", "S", "HASH"), ("event_ts", "N", "RANGE")],
        "security_video_timeline": [("capture_date", "S", "HASH"), ("event_ts", "N", "RANGE")],
        "security_alarm_images": [("camera_name", "S", "HASH"), ("event_ts", "N", "RANGE")],
        "security_image_timeline": [("capture_date", "S", "HASH"), ("event_ts", "N", "RANGE")],
        "camtrail_meta": [("part", "S", "HASH"), ("item", "S", "RANGE")],
        "camtrail_accounts": [("part", "S", "HASH"), ("item", "S", "RANGE")],
    }

    def setUp(self):
        self.tables = {
            text(table["Properties"]["TableName"]).removeprefix("${TablePrefix}"): table["Properties"]
            for table in self.of("AWS::DynamoDB::Table").values()
        }

    def test_names_and_keys_are_those_that_the_program_knows(self):
        keys = {}
        for name, table in self.tables.items():
            types = {a["AttributeName"]: a["AttributeType"] for a in table["AttributeDefinitions"]}
            keys[name] = [(k["AttributeName"], types[k["AttributeName"]], k["KeyType"]) for k in table["KeySchema"]]
            self.assertEqual(len(types), len(table["KeySchema"]), name)
        self.assertEqual(self.KEYS, keys)
        source = (TEMPLATE.parents[2] / "crates/aws/src/tables.rs").read_text()
        for name in CATALOG:
            self.assertIn(f'"{name}"' if name != "camtrail_meta" else "camtrail_meta", source)

    def test_rows_expire(self):
        for name, table in self.tables.items():
            self.assertEqual({"AttributeName": "expires_at", "Enabled": True}, table["TimeToLiveSpecification"], name)

    def test_all_can_be_restored_and_are_paid_by_request(self):
        for name, table in self.tables.items():
            self.assertEqual({"PointInTimeRecoveryEnabled": True}, table["PointInTimeRecoverySpecification"], name)
            self.assertEqual("PAY_PER_REQUEST", table["BillingMode"], name)

    def test_each_says_how_it_is_encrypted(self):
        """`false` is DynamoDB's own key (there is no table without one), `true` the account's managed key."""
        for name, table in self.tables.items():
            self.assertIs(name == "camtrail_accounts", table["SSESpecification"]["SSEEnabled"], name)


class Rights(Template):
    """NEVER-32: a role that can do more than its function needs."""

    def test_every_allowed_action_is_named_in_full(self):
        found = list(self.statements())
        self.assertGreater(len(found), 10, "the walk finds the policies")
        for name, statement in found:
            self.assertNotIn("NotAction", statement, name)
            for action in listed(statement["Action"]):
                self.assertRegex(action, r"^[a-z0-9]+:[A-Za-z]+$", name)

    def test_every_allowed_resource_ends_in_a_scoped_path(self):
        """Named in full up to its last part; a `*` only after a folder of ours, an own log group, or before state.json."""
        scoped = re.compile(
            r"^(?:"
            r"arn:\$\{AWS::Partition\}:s3:::\$\{BucketName\}"
            r"|arn:\$\{AWS::Partition\}:s3:::\$\{BucketName\}/(?:\$\{ObjectBase\}|derived)/\*"
            r"|arn:\$\{AWS::Partition\}:s3:::\$\{BucketName\}/derived/\*/state\.json"
            r"|arn:\$\{AWS::Partition\}:dynamodb:\$\{AWS::Region\}:\$\{AWS::AccountId\}:table/\$\{TablePrefix\}[a-z_]+"
            r"|arn:\$\{AWS::Partition\}:logs:\$\{AWS::Region\}:\$\{AWS::AccountId\}"
            r":log-group:/aws/lambda/\$\{TablePrefix\}[a-z_]+:log-stream:\*"
            r"|\$\{DeadLetters\.Arn\}"
            r")$"
        )
        for name, statement in self.statements():
            self.assertNotIn("NotResource", statement, name)
            for target in listed(statement["Resource"]):
                self.assertRegex(text(target), scoped, name)

    def test_the_bucket_as_a_whole_is_only_for_telling_gone_from_forbidden(self):
        whole = {action for name, s in self.statements() for action in listed(s["Action"])
                 if any(text(t).endswith("${BucketName}") for t in listed(s["Resource"]))}
        self.assertEqual({"s3:ListBucket"}, whole)

    def test_nobody_scans_and_nobody_deletes_objects(self):
        for name, statement in self.statements():
            for action in listed(statement["Action"]):
                self.assertNotIn(action, ("dynamodb:Scan", "dynamodb:PartiQLSelect", "s3:DeleteObject", "s3:DeleteObjectVersion"), name)
        self.assertNotIn("Scan", re.sub(r"(?m)#.*$", "", self.source))

    def test_no_managed_or_foreign_policies(self):
        """All that a role may do stands in the template."""
        for name in self.resources:
            self.assertNotIn("ManagedPolicyArns", self.properties(name), name)
            if self.resources[name]["Type"] == "AWS::Serverless::Function":
                self.assertNotIn("Policies", self.properties(name), name)

    def tables(self, name):
        return {(action, target.removeprefix("table/${TablePrefix}"))
                for action, target in self.rights(name) if action.startswith("dynamodb:")}

    def objects(self, name):
        return {(action, target) for action, target in self.rights(name) if action.startswith("s3:")}

    def test_arrival(self):
        self.assertEqual({(action, table) for action in READ | WRITE for table in CATALOG}, self.tables("ArrivalRole"))
        self.assertEqual(
            {
                ("s3:GetObject", "${BucketName}/${ObjectBase}/*"),
                ("s3:GetObject", "${BucketName}/derived/*"),
                ("s3:DeleteObjectTagging", "${BucketName}/${ObjectBase}/*"),
                ("s3:DeleteObjectTagging", "${BucketName}/derived/*"),
                ("s3:ListBucket", "${BucketName}"),
            },
            self.objects("ArrivalRole"),
        )
        self.assertIn(("sqs:SendMessage", "${DeadLetters.Arn}"), self.rights("ArrivalRole"))

    def test_api(self):
        self.assertEqual(
            {(action, table) for action in READ for table in CATALOG}
            | {(action, "camtrail_accounts") for action in READ | WRITE | {"dynamodb:BatchGetItem"}},
            self.tables("ApiRole"),
        )
        both = ("${BucketName}/${ObjectBase}/*", "${BucketName}/derived/*")
        state = "${BucketName}/derived/*/state.json"
        self.assertEqual(
            {(action, target) for action in ("s3:GetObject", "s3:PutObjectTagging", "s3:DeleteObjectTagging") for target in both}
            | {("s3:PutObject", state), ("s3:PutObjectTagging", state), ("s3:ListBucket", "${BucketName}")},
            self.objects("ApiRole"),
        )

    def test_scheduled(self):
        self.assertEqual(
            {(action, table) for action in READ for table in CATALOG} | {(action, "camtrail_meta") for action in WRITE},
            self.tables("ScheduledRole"),
        )
        self.assertEqual(set(), self.objects("ScheduledRole"))

    def test_gateway_adds_and_nothing_else(self):
        both = ("${BucketName}/${ObjectBase}/*", "${BucketName}/derived/*")
        self.assertEqual(
            {(action, target) for action in ("s3:PutObject", "s3:PutObjectTagging", "s3:AbortMultipartUpload") for target in both},
            self.rights("GatewayUser"),
        )

    def denials(self, name):
        return {s["Sid"]: s for owner, s in self.statements(allow_only=False) if owner == name and s["Effect"] == "Deny"}

    def test_gateway_never_replaces_a_clip(self):
        """Every PUT that makes an object says If-None-Match; beginning an upload in parts, and its parts, make none."""
        denied = self.denials("GatewayUser")["NeverReplaceAClip"]
        self.assertEqual("s3:PutObject", denied["Action"])
        self.assertEqual("arn:${AWS::Partition}:s3:::${BucketName}/${ObjectBase}/*", text(denied["Resource"]))
        self.assertEqual(
            {"Null": {"s3:if-none-match": "true"}, "Bool": {"s3:ObjectCreationOperation": "true"}}, denied["Condition"]
        )

    def test_gateway_never_decides(self):
        denied = self.denials("GatewayUser")["NeverDecide"]
        self.assertEqual("s3:PutObject", denied["Action"])
        self.assertEqual("arn:${AWS::Partition}:s3:::${BucketName}/derived/*/state.json", text(denied["Resource"]))
        self.assertNotIn("Condition", denied)

    def test_each_function_has_its_own_role_that_only_lambda_takes(self):
        roles = [text(f["Properties"]["Role"]) for f in self.of("AWS::Serverless::Function").values()]
        self.assertEqual(["${ApiRole.Arn}", "${ArrivalRole.Arn}", "${ScheduledRole.Arn}"], sorted(roles))
        for name, role in self.of("AWS::IAM::Role").items():
            (trust,) = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
            self.assertEqual({"Service": "lambda.amazonaws.com"}, trust["Principal"], name)

    def test_who_may_call_a_function_is_named_by_its_source(self):
        for name, permission in self.of("AWS::Lambda::Permission").items():
            self.assertIn("SourceArn", permission["Properties"], name)
            self.assertNotEqual("*", permission["Properties"]["Principal"], name)


class Functions(Template):
    NAMES = {
        "ArrivalFunction": ("security_cam_video_added", "security_cam_video_added.zip"),
        "ApiFunction": ("camtrail_api", "camtrail_api.zip"),
        "ScheduledFunction": ("camtrail_scheduled", "camtrail_scheduled.zip"),
    }

    def test_names_and_code(self):
        self.assertEqual(set(self.NAMES), set(self.of("AWS::Serverless::Function")))
        for logical, (name, code) in self.NAMES.items():
            properties = self.properties(logical)
            self.assertEqual(f"${{TablePrefix}}{name}", text(properties["FunctionName"]))
            self.assertEqual(f"../../target/lambda/{code}", properties["CodeUri"])
        self.assertEqual("provided.al2023", self.template["Globals"]["Function"]["Runtime"])
        self.assertEqual("bootstrap", self.template["Globals"]["Function"]["Handler"])

    def test_every_log_has_an_end(self):
        groups = {text(group["Properties"]["LogGroupName"]): group["Properties"] for group in self.of("AWS::Logs::LogGroup").values()}
        self.assertEqual({f"/aws/lambda/${{TablePrefix}}{name}" for name, _ in self.NAMES.values()}, set(groups))
        for name, group in groups.items():
            self.assertEqual({"Ref": "LogRetentionDays"}, group["RetentionInDays"], name)
        for logical in self.NAMES:
            self.assertIn("LoggingConfig", self.properties(logical), "the group is there before the function writes to it")

    def test_a_failed_arrival_is_tried_again_and_then_kept(self):
        config = self.properties("ArrivalFunction")["EventInvokeConfig"]
        self.assertEqual(2, config["MaximumRetryAttempts"])
        failed = config["DestinationConfig"]["OnFailure"]
        self.assertEqual("SQS", failed["Type"])
        self.assertEqual("${DeadLetters.Arn}", text(failed["Destination"]))
        queue = self.properties("DeadLetters")
        self.assertIs(True, queue["SqsManagedSseEnabled"])
        self.assertEqual(14 * 24 * 3600, queue["MessageRetentionPeriod"])

    def test_the_scheduled_function_is_called_and_may_be(self):
        rule = self.properties("Schedule")
        self.assertEqual("ENABLED", rule["State"])
        self.assertEqual("rate(15 minutes)", rule["ScheduleExpression"])
        self.assertEqual(["${ScheduledFunction.Arn}"], [text(target["Arn"]) for target in rule["Targets"]])
        permission = self.properties("SchedulePermission")
        self.assertEqual("${Schedule.Arn}", text(permission["SourceArn"]))
        self.assertEqual("events.amazonaws.com", permission["Principal"])

    def test_no_function_is_given_a_secret(self):
        variables = dict(self.template["Globals"]["Function"]["Environment"]["Variables"])
        for logical in self.NAMES:
            variables |= self.properties(logical).get("Environment", {}).get("Variables", {})
        for name in variables:
            self.assertNotRegex(name, r"KEY|SECRET|PASSWORD|TOKEN")

    def test_the_api_is_throttled_and_writes_no_paths_down(self):
        """NEVER-29, NEVER-33: shared links have their secret in the path."""
        stage = self.properties("ApiStage")
        self.assertIn("ThrottlingRateLimit", stage["DefaultRouteSettings"])
        self.assertNotIn("AccessLogSettings", stage)
        self.assertEqual("2.0", self.properties("ApiIntegration")["PayloadFormatVersion"])


class Alarms(Template):
    def setUp(self):
        self.alarms = {name: alarm["Properties"] for name, alarm in self.of("AWS::CloudWatch::Alarm").items()}

    def watched(self, metric):
        return {text(alarm["Dimensions"][0]["Value"]) if "Dimensions" in alarm else None
                for alarm in self.alarms.values() if alarm["MetricName"] == metric}

    def test_what_must_ring_rings(self):
        functions = {f"${{{name}}}" for name in self.of("AWS::Serverless::Function")}
        self.assertEqual(functions, self.watched("Errors"))
        self.assertLessEqual({"${ArrivalFunction}", "${ApiFunction}"}, self.watched("Throttles"))
        self.assertEqual({"${DeadLetters.QueueName}"}, self.watched("ApproximateNumberOfMessagesVisible"))
        self.assertEqual({"${ArrivalFunction}"}, self.watched("DestinationDeliveryFailures"))
        self.assertEqual({"${BucketName}"}, self.watched("SilentCameras"))
        self.assertEqual({"${BucketName}"}, self.watched("SecondsSinceLastArrival"))

    def test_each_tells_the_topic_and_says_what_it_means(self):
        for name, alarm in self.alarms.items():
            self.assertEqual([{"Ref": "AlarmTopic"}], alarm["AlarmActions"], name)
            self.assertGreater(len(alarm["AlarmDescription"]), 20, name)

    def test_a_gateway_of_which_nothing_is_known_is_silent(self):
        alarm = self.alarms["SilentGatewayAlarm"]
        self.assertEqual("breaching", alarm["TreatMissingData"])
        self.assertEqual({"Fn::FindInMap": ["Silence", {"Ref": "SilentAfterHours"}, "Seconds"]}, alarm["Threshold"])

    def test_the_map_multiplies(self):
        silence = self.template["Mappings"]["Silence"]
        hours = self.template["Parameters"]["SilentAfterHours"]["AllowedValues"]
        self.assertEqual({str(hour): {"Seconds": hour * 3600} for hour in hours}, silence)


if __name__ == "__main__":
    unittest.main()
