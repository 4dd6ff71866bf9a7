"""Names and things that can stand for each other in a sentence, by kind: what swapping and replacing draw from.

Of one row, any two may change places. No row holds two words for one thing.
"""

from typing import Final

KINDS: Final[tuple[tuple[str, ...], ...]] = tuple(
    tuple(row.split("|"))
    for row in (
        # people
        "何以宁|梁溪月|白露|程以墨|唐若川|沈知夏|纪南星|苏沐晴|陆怀瑾|宋青禾|顾长汀|裴景行|孙立群|周文博|林若涵|歐美玲|林哲宇"
        "|許芷蘅|麥詠彤|吴嘉树|郑晚舟|陈怡安|贺兰心|马思齐|谢明远|董书航|罗一鸣|方静宜",
        "Helen Brandt|Anna Lindqvist|Kowalski|Qin Yanqiu|Okafor|Kevin|Nancy|Laura|Marta Silva|Tom Becker|Grace Owens"
        "|Daniel Reyes|Ji Nanxing|Priya Nair|Oliver Stone",
        # companies and places
        "苏州|成都|长沙|杭州|宁波|北京|上海|广州|深圳|甘肃|云南|海南|贵州|青海|香港|台湾|云汀|北汀|天津|武汉",
        "华东|西南|华南|华北|西北|东北",
        "港島|九龍|新界|離島",
        "Rotterdam|Hamburg|Lisbon|Zurich|Oslo|Bergen|Monterrey|Denver|Vienna|Lyon|Yunting|Porto",
        "Canada|Mexico|Kenya|Nepal|Haiti|Peru|Ghana|Chile|Norway",
        # who does something
        "甲方|乙方",
        "人力资源部|行政部|财务部|质量部|法务部|销售部|研发部|客服部|采购部|生产部|信息安全部|总务组|市场部",
        "部门总监|直接主管|部门主管|部门负责人|总经理|财务总监|首席信息官|人力资源总监|产品总监|导师|接待人|首席财务官",
        "值班工程师|持证技师|管理员|质检员|实习生|操作员",
        "客户|供应商|经销商|员工|访客",
        "護理師|醫師|藥師|櫃檯",
        "学生|教师|家长",
        "收件人|发件人",
        "员工|志愿者|家属",
        "Buyer|Supplier",
        "tenant|landlord",
        "primary|secondary",
        "line manager|personnel department|finance director|service desk|security team|legal department|platform team"
        "|purchasing department|marketing team|sales director",
        "nurse|doctor|dentist|pharmacist|reception",
        "technician|electrician|plumber|engineer|trainee",
        "customer|distributor|supplier|employee|visitor",
        "students|teachers|pensioners|soldiers",
        "recipient|sender",
        "commander|observer",
        # things
        "电极|密封圈|传感器|天线|接地环|液晶屏",
        "水泵|阀门|电梯|空调|打印机|冰箱|投影仪",
        "润滑油|滤芯|冷却液",
        "高铁|飞机|出租车|轮船",
        "发票|合同|收据|名片",
        "手套|护目镜|安全帽|防滑鞋|耳塞",
        "信件|電子郵件|傳真",
        "红色|绿色|蓝色|橙色|黄色",
        "屋面|地下室|外墙",
        "学校|医院|图书馆|博物馆",
        "烟草|汽车|制药|纺织",
        "纸质文件|硬盘|光盘|磁带",
        "病假|婚假|丧假|产假|陪产假|志愿者假|事假",
        "住宿费|餐补|酒水费|网约车费|停车费",
        "氧气|氮气|蒸汽",
        "内存|硬盘|带宽",
        "CSV|PDF|XLS|DOCX",
        "Kafka|Spark|Airflow|Trino|Flink",
        "electrodes|seals|batteries|antennas|screws",
        "gloves|goggles|helmets|earplugs",
        "roof|basement|garage|lifts",
        "letter|e-mail|telephone|fax",
        "economy|business class",
        "flights|ferries|trains",
        "schools|hospitals|museums|libraries",
        "tobacco|oil|weapons",
        "alcohol|laundry|breakfast",
        "red|green|yellow|blue|amber",
        "suction line|pressure line",
        "gas|water|oil supply",
        "membrane|impeller|gasket",
        "laptops|phones|tablets|printers",
        "sick leave|parental leave|study leave",
        "siphon|burner|fan",
        "oxygen|nitrogen|steam",
        "library|canteen|gym",
        "administrators|guests|auditors",
    )
)
